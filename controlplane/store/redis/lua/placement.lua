-- keys: placements references expiries last_epochs last_epochs_by_age meta
-- Placements: `<origin> <incarnation> <holder> <epoch: 2> <revision: 2> <state b|p|o> <media 0|1>
-- <bind time> <update time> <expires> <taken over at> <verdict>`; times in microseconds, the last
-- two in store time, 0 = none. Words never contain a space: replicas escape them.

-- The last epoch of a stream whose placement goes, for a day: a late claim must not bring back an
-- owner whose successor has come and gone. Beyond the bound the oldest go, and the highest of them
-- stands for all.
local function remember_epoch(stream, g, n)
  call('HSET', last_epochs, stream, g .. ' ' .. n)
  call('ZADD', last_epochs_by_age, now + $last_epoch_kept, stream)
  if call('ZCARD', last_epochs_by_age) <= $last_epochs_max then return end
  local oldest = call('ZRANGE', last_epochs_by_age, 0, 0)[1]
  local old_g, old_n = match(call('HGET', last_epochs, oldest) or '', '^(%d+) (%d+)$')
  local top_g, top_n = match(call('HGET', meta, 'dropped') or '', '^(%d+) (%d+)$')
  if old_g and (not top_g or number(old_g) > number(top_g)
    or (old_g == top_g and number(old_n) > number(top_n))) then
    call('HSET', meta, 'dropped', old_g .. ' ' .. old_n)
  end
  call('HDEL', last_epochs, oldest)
  call('ZREM', last_epochs_by_age, oldest)
end
local function last_epoch(stream)
  local last = call('HGET', last_epochs, stream) or call('HGET', meta, 'dropped') or ''
  local g, n = match(last, '^(%d+) (%d+)$')
  return number(g or 0), number(n or 0)
end
-- Of two epochs, as numbers.
local function is_newer(g, n, than_g, than_n)
  return g > than_g or (g == than_g and n > than_n)
end

local function unreference(incarnation)
  if call('HINCRBY', references, incarnation, -1) > 0 then return end
  call('HDEL', references, incarnation)
  forget_dead_when_unused(incarnation)
end

local function parse_placement(packed)
  local p = {packed = packed, expires = '0'}
  p.origin, p.incarnation, p.holder, p.epoch_g, p.epoch_n, p.state, p.media, p.bound,
    p.was_expires, p.taken, p.verdict = match(packed,
    '^(%S*) (%S*) (%S*) (%d+) (%d+) %d+ %d+ ([bpo]) ([01]) (%d+) %d+ (%d+) (%d+) (.*)$')
  if not p.origin then return nil end
  p.was_incarnation = p.incarnation
  return p
end
local function remove(stream, p)
  remember_epoch(stream, p.epoch_g, p.epoch_n)
  call('HDEL', placements, stream)
  if p.was_expires ~= '0' then call('ZREM', expiries, stream) end
  unreference(p.was_incarnation)
  next_revision()
  publish('placement', stream)
end
-- What is due is gone, however late the poll is.
local function load(stream)
  local packed = call('HGET', placements, stream)
  if not packed then return nil end
  local p = parse_placement(packed)
  if not p then error('garbage in the placement of ' .. stream) end
  if p.was_expires ~= '0' and number(p.was_expires) <= now then
    remove(stream, p)
    return nil
  end
  return p
end
-- Every change of a placement; it expires only when p.expires was set for this change.
local function put(stream, p)
  local packed = p.origin .. ' ' .. p.incarnation .. ' ' .. p.holder .. ' ' .. p.epoch_g .. ' '
    .. p.epoch_n .. ' ' .. generation_text .. ' ' .. next_revision() .. ' ' .. p.state .. ' '
    .. p.media .. ' ' .. p.bound .. ' ' .. time_text .. ' ' .. p.expires .. ' ' .. p.taken .. ' '
    .. p.verdict
  call('HSET', placements, stream, packed)
  if p.expires ~= '0' then
    call('ZADD', expiries, p.expires, stream)
  elseif p.was_expires and p.was_expires ~= '0' then
    call('ZREM', expiries, stream)
  end
  if p.was_incarnation ~= p.incarnation then
    call('HINCRBY', references, p.incarnation, 1)
    if p.was_incarnation then unreference(p.was_incarnation) end
  end
  publish('placement', stream .. ' ' .. packed)
  return packed
end

local function unchanged(p) return {'OK', '0', p and p.packed or ''} end
local function changed(packed) return {'OK', '1', packed} end
local function is_session(holder) return string.sub(holder, 1, 2) == 's|' end
local function is_external(holder) return string.sub(holder, 1, 2) == 'e|' end
