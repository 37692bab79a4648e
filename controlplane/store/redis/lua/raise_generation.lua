-- keys: meta feed bulletins bulletins_by_age bulletins_by_notice broadcasts mail_by_age mail_by_notice
-- raise_generation: by compare-and-set, and only where history is lost. ARGV: 7 seen, 8 at least.
local at_least = number(ARGV[8])
if (lost or at_least > generation) and number(ARGV[7]) == generation then
  -- The feed outlives a `meta` that was lost alone, and takes only higher ids.
  local last = call('XREVRANGE', feed, '+', '-', 'COUNT', 1)[1]
  local feed_generation = last and number(match(last[1], '^%d+')) or 0
  if generation == 0 then
    call('UNLINK', bulletins, bulletins_by_age, bulletins_by_notice, broadcasts, mail_by_age,
         mail_by_notice)
  end
  call('HSET', meta, 'run', ARGV[1], 'previous', text(generation) .. '-' .. text(revision),
       'records_known', generation == 0 and at_least == 0 and '1' or '0')
  generation = math.max(at_least, time, generation, feed_generation) + 1
  generation_text = text(generation)
  if not state[5] then now = time end
  settling, settling_max = now + $settling_first, now + $settling_max
  meaningful = settling + $renewal_grace
  revision, epochs, lost = 0, 0, false
  call('HSET', meta, 'generation', generation_text, 'revision', '0', 'epochs', '0', 'now',
       text(now), 'time', text(time), 'settling', text(settling), 'settling_max',
       text(settling_max), 'meaningful', text(meaningful))
  next_revision()
  publish('generation', '')
end
-- Whoever knows more than the new generation is lost to it as well.
lost = generation == 0 or call('HGET', meta, 'run') ~= ARGV[1] or ahead(ARGV[2], ARGV[3], revision)
  or ahead(ARGV[4], ARGV[5], epochs)
return {'OK', text(generation), settling > 0 and '1' or '0', lost and '1' or '0',
        call('HGET', meta, 'records_known') == '1' and '1' or '0'}
