-- keys: records
-- put_record. ARGV: 7 kind, 8 name, 9 `put` or `delete`, 10 value, 11 the value as a word, 12, 13
-- the revision that it must have (12 empty: any; 0: it must not exist).
local field = ARGV[7] .. ' ' .. ARGV[8]
local r = read_record(field)
local exists_now = r and r.exists == '1'
local function stays(full) return {'OK', '0', full and '1' or '0', r and r.packed or ''} end
if ARGV[12] ~= '' then
  local as_expected = exists_now and ARGV[12] == r.g and ARGV[13] == r.n
  if ARGV[12] == '0' then as_expected = not exists_now end
  if not as_expected then return stays(false) end
end
local put = ARGV[9] == 'put'
if put == (exists_now or false) and (not put or r.value == ARGV[10]) then return stays(false) end
if not r and call('HLEN', records) >= $records_max then return stays(true) end
local packed = generation_text .. ' ' .. next_revision() .. ' ' .. time_text .. ' '
  .. (put and '1 ' .. ARGV[10] or '0 ')
write_record(ARGV[7], ARGV[8], packed, put, ARGV[11])
publish('record', field .. ' ' .. packed)
return {'OK', '1', '0', packed}
