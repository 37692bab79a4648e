-- keys: records live
-- Orders about origins, as `live` shows them.
local function exists(kind, name)
  local packed = call('HGET', records, kind .. ' ' .. name)
  return packed and match(packed, '^%d+ %d+ %d+ ([01])') == '1'
end
local function no_new_placements(origin) return exists('cordon', origin) or exists('drain', origin) end
