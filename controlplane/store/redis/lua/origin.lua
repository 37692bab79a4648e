-- keys: origins dead references
-- Incarnations `<origin>.<generation in base 32>.<number>`, origins' records, and the dead set.

local function from_base32(digits)
  if #digits > 13 then return nil end
  local value = 0
  for i = 1, #digits do
    local digit = string.find('0123456789abcdefghjkmnpqrstvwxyz', digits:sub(i, i), 1, true)
    if not digit then return nil end
    value = value * 32 + digit - 1
  end
  return value
end
local function to_base32(value)
  local digits = ''
  repeat
    local digit = value % 32
    digits = string.sub('0123456789abcdefghjkmnpqrstvwxyz', digit + 1, digit + 1) .. digits
    value = (value - digit) / 32
  until value == 0
  return digits
end
local function name_of(incarnation)
  local origin, g, n = match(incarnation, '^(.+)%.([^.]+)%.(%d+)$')
  g = origin and from_base32(g)
  if not g then return nil end
  return origin, g, number(n)
end
local function began_after(a, b)
  local _, a_g, a_n = name_of(a)
  local _, b_g, b_n = name_of(b)
  return a_g and b_g and (a_g > b_g or (a_g == b_g and a_n > b_n))
end

local function read_origin(id)
  local packed = call('HGET', origins, id)
  if not packed then return nil end
  local o = {id = id}
  o.incarnation, o.process, o.wanted, o.began, o.dead, o.first_seen, o.places, o.description =
    match(packed, '^(%S*) (%S*) (%S*) (%d+) ([01]) (%d+) %d+ %d+ (%S*) (.*)$')
  if not o.incarnation then error('garbage in the record of origin ' .. id) end
  return o
end
local function write_origin(o)
  local packed = o.incarnation .. ' ' .. o.process .. ' ' .. o.wanted .. ' ' .. o.began .. ' '
    .. o.dead .. ' ' .. o.first_seen .. ' ' .. generation_text .. ' ' .. next_revision() .. ' '
    .. o.places .. ' ' .. o.description
  call('HSET', origins, o.id, packed)
  publish('origin', o.id .. ' ' .. packed)
  return packed
end

-- A newer incarnation of its origin exists: it can be neither bound nor accepted again.
local function superseded(incarnation)
  local id = name_of(incarnation)
  local o = id and read_origin(id)
  return o and o.incarnation ~= incarnation and began_after(o.incarnation, incarnation)
end
-- A verdict stands while a placement names the incarnation, or while it could come back.
local function forget_dead_when_unused(incarnation)
  if call('ZSCORE', dead, incarnation) and not call('HGET', references, incarnation)
    and superseded(incarnation) then
    call('ZREM', dead, incarnation)
  end
end
