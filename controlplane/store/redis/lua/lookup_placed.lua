-- keys: placements
-- lookup in a store at rest, where nothing has to go first. As acquire_unplaced.lua: it makes no
-- functions. ARGV: 7 stream.
if not lost and not settling then
  local packed = call('HGET', placements, ARGV[7])
  if not packed then return {'OK', ''} end
  local expires = match(packed, '^%S* %S* %S* %d+ %d+ %d+ %d+ [bpo] [01] %d+ %d+ (%d+) %d+ ')
  if expires and (expires == '0' or number(expires) > now) then return {'OK', packed} end
end
