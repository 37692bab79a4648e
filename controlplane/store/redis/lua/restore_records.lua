-- keys: meta records
-- restore_records: what replicas kept; the highest revision of each wins, and stays its own. ARGV: 7
-- whether this is all, 8 … kind, name, revision (2), update time, `1` or `0`, value, value as a word.
local changed_count = 0
for i = 8, #ARGV - 7, 8 do
  local field, g, n = ARGV[i] .. ' ' .. ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local r = read_record(field)
  local newer
  if r then
    newer = number(g) > number(r.g) or (g == r.g and number(n) > number(r.n))
  else
    newer = call('HLEN', records) < $records_max
  end
  if newer then
    local packed = g .. ' ' .. n .. ' ' .. ARGV[i + 4] .. ' ' .. ARGV[i + 5] .. ' ' .. ARGV[i + 6]
    write_record(ARGV[i], ARGV[i + 1], packed, ARGV[i + 5] == '1', ARGV[i + 7])
    next_revision()
    publish('record', field .. ' ' .. packed)
    changed_count = changed_count + 1
  end
end
if ARGV[7] == '1' then call('HSET', meta, 'records_known', '1') end
return {'OK', text(changed_count)}
