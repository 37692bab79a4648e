-- keys: live pins
-- Which candidate may be bound. `live`: origin -> its current incarnation, unless that is dead;
-- followed by ` -` under a cordon or drain. `pins`: stream -> origin.
local has_pins = state[8] and state[8] ~= '0'

-- The first of ARGV[first], ARGV[first + 1], … (origin, incarnation).
local function best_candidate(stream, first, banned)
  local pin = has_pins and call('HGET', pins, stream)
  for i = first, #ARGV - 1, 2 do
    local origin, incarnation = ARGV[i], ARGV[i + 1]
    if incarnation ~= banned and (not pin or pin == origin)
      and call('HGET', live, origin) == incarnation then
      return origin, incarnation
    end
  end
end
-- A placement's origin, in the life that it leads now; orders do not matter to a takeover, which
-- places nothing new.
local function same_origin(stream, p, banned, despite_orders)
  local incarnation, order = match(call('HGET', live, p.origin) or '', '^(%S+)( ?-?)$')
  if not incarnation or banned == p.incarnation or banned == incarnation then return nil end
  if not despite_orders then
    local pin = has_pins and call('HGET', pins, stream)
    if order ~= '' or (pin and pin ~= p.origin) then return nil end
  end
  return p.origin, incarnation
end
local function is_live(origin, incarnation)
  return match(call('HGET', live, origin) or '', '^%S+') == incarnation
end
