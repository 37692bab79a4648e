-- keys: records tombstones pins live meta
-- Records: field `<kind> <name>`, value `<revision: 2> <update time> <1, or 0: a tombstone> <value>`.
local function read_record(field)
  local packed = call('HGET', records, field)
  if not packed then return nil end
  local r = {packed = packed}
  r.g, r.n, r.exists, r.value = match(packed, '^(%d+) (%d+) %d+ ([01]) (.*)$')
  if not r.g then error('garbage in the record ' .. field) end
  return r
end
-- `word` is the value as it is written in `pins`.
local function write_record(kind, name, packed, exists_now, word)
  local field = kind .. ' ' .. name
  call('HSET', records, field, packed)
  if exists_now then
    call('ZREM', tombstones, field)
  else
    call('ZADD', tombstones, now + $tombstone_kept, field)
  end
  if kind == 'pin' then
    if exists_now then call('HSET', pins, name, word) else call('HDEL', pins, name) end
    call('HSET', meta, 'pins', call('HLEN', pins))
  elseif kind == 'cordon' or kind == 'drain' then
    local incarnation = match(call('HGET', live, name) or '', '^%S+')
    if incarnation then
      call('HSET', live, name, incarnation .. (no_new_placements(name) and ' -' or ''))
    end
  end
  return packed
end
