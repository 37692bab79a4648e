-- keys: renewals placements pins live references expiries meta feed
-- acquire of a stream that nobody has, in a store at rest: nearly all there are. The same as the
-- rules below it come to, without making their functions: that would cost as much again.
-- ARGV: 7 stream, 8 holder, 9 its forwarder (empty: not a session), 10 a takeover (empty: none;
-- `<evidence> <epoch it expects: 2> <store time of the HELD answer>`), 11 what failed (empty: none;
-- `<incarnation> <epoch: 2>`), 12 verdict, 13 … candidates: origin, incarnation.
if not lost and not settling and not call('HGET', placements, ARGV[7]) then
  if ARGV[9] ~= '' then call('ZADD', renewals, now + $renewal_expiry, ARGV[9]) end
  local pin = state[8] and state[8] ~= '0' and call('HGET', pins, ARGV[7])
  local failed = ARGV[11] ~= '' and match(ARGV[11], '^%S*')
  local origin, incarnation
  for i = 13, #ARGV - 1, 2 do
    if ARGV[i + 1] ~= failed and (not pin or pin == ARGV[i])
      and call('HGET', live, ARGV[i]) == ARGV[i + 1] then
      origin, incarnation = ARGV[i], ARGV[i + 1]
      break
    end
  end
  local now_text = format('%.0f', now)
  if not origin then return {'OK', 'NONE', now_text, '', '', '0'} end
  local epoch, number_of_revision = format('%.0f', epochs + 1), format('%.0f', revision + 1)
  local expires = '0'
  if string.sub(ARGV[8], 1, 2) == 'e|' then
    expires = format('%.0f', now + $external_kept)
    call('ZADD', expiries, expires, ARGV[7])
  end
  local packed = origin .. ' ' .. incarnation .. ' ' .. ARGV[8] .. ' ' .. generation_text .. ' '
    .. epoch .. ' ' .. generation_text .. ' ' .. number_of_revision .. ' b 0 ' .. time_text
    .. ' ' .. time_text .. ' ' .. expires .. ' 0 ' .. ARGV[12]
  call('HSET', meta, 'revision', number_of_revision, 'epochs', epoch)
  call('HSET', placements, ARGV[7], packed)
  call('HINCRBY', references, incarnation, 1)
  call('XADD', feed, 'MAXLEN', '~', $changes_kept, generation_text .. '-' .. number_of_revision,
       'placement', ARGV[7] .. ' ' .. packed)
  return {'OK', 'BOUND', now_text, packed, '', '1'}
end
