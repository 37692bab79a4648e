-- keys: origins names live dead
-- upsert_origin: mints ids and incarnations. ARGV: 7 wanted id, 8 process, 9 the incarnation that
-- the reporter was told before (empty: none), 10 its places (`|protocol/address|…|`), 11
-- description.
local wanted, process, known = ARGV[7], ARGV[8], ARGV[9]
local known_origin, known_generation = name_of(known)
-- Of this id, or minted for it: `<wanted>-<number>`.
if known_origin and known_origin ~= wanted
  and not (string.sub(known_origin, 1, #wanted) == wanted
    and match(string.sub(known_origin, #wanted + 1), '^%-%d+$')) then
  known_origin = nil
end

local function share_place(o)
  for place in string.gmatch(ARGV[10], '[^|]+') do
    if string.find(o.places, '|' .. place .. '|', 1, true) then return true end
  end
  return false
end
-- Who was told its incarnation is found by it: ids that were minted stay with their processes.
local function find_reporter()
  local o = known_origin and read_origin(known_origin)
  if o and (o.process == process or share_place(o)) then return o end
  local by_place
  for id in string.gmatch(call('HGET', names, wanted) or '', '[^|]+') do
    o = read_origin(id)
    if o and o.process == process then return o end
    if o and not by_place and share_place(o) then by_place = o end
  end
  return by_place
end
-- An id that no live origin uses: the wanted one, the one its incarnation was minted for, or a
-- suffix.
local function is_usable(id)
  local o = read_origin(id)
  return not o or o.dead == '1'
end
local function free_id()
  if known_origin and is_usable(known_origin) then return known_origin end
  if is_usable(wanted) then return wanted end
  local suffix = 2
  while not is_usable(wanted .. '-' .. text(suffix)) do suffix = suffix + 1 end
  return wanted .. '-' .. text(suffix)
end
local function create(id)
  call('HSET', names, wanted, (call('HGET', names, wanted) or '|') .. id .. '|')
  return {id = id, incarnation = '', process = '', wanted = wanted, began = '0', dead = '0',
          first_seen = time_text, places = '', description = ''}
end
-- After a loss of history a reporter still knows its incarnation, and placements that are restored
-- name it. What was minted in this generation is in the table, or was forgotten for good.
local function is_acceptable(o)
  if known_origin ~= o.id or known_generation >= generation or call('ZSCORE', dead, known) then
    return false
  end
  return not name_of(o.incarnation) or began_after(known, o.incarnation)
end
local function choose_incarnation(o)
  if o.incarnation ~= '' and o.process == process and o.dead == '0' then return o.incarnation end
  if is_acceptable(o) then return known end
  return o.id .. '.' .. to_base32(generation) .. '.'
    .. text(call('HINCRBY', meta, 'incarnations', 1))
end

local o = find_reporter()
if not o then
  local id = free_id()
  o = read_origin(id) or create(id)
end
local before = o.incarnation
local incarnation = choose_incarnation(o)
local is_new = incarnation ~= before
if is_new then o.incarnation, o.dead, o.began = incarnation, '0', text(now) end
local packed
if is_new or o.process ~= process or o.places ~= ARGV[10] or o.description ~= ARGV[11] then
  o.process, o.places, o.description = process, ARGV[10], ARGV[11]
  packed = write_origin(o)
  if o.dead == '0' then
    call('HSET', live, o.id, incarnation .. (no_new_placements(o.id) and ' -' or ''))
  end
  if is_new and before ~= '' then forget_dead_when_unused(before) end
else
  packed = call('HGET', origins, o.id)
end
return {'OK', o.id, packed, is_new and '1' or '0', o.id ~= wanted and '1' or '0'}
