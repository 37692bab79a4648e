-- keys: meta
-- A page of a table, in whatever history. ARGV: 7 cursor, 8 count; the last key is the table. A
-- cursor means nothing to another process: the run tells pages apart that do not belong together.
local table_key = KEYS[#KEYS]
local page = call('HSCAN', table_key, ARGV[7], 'COUNT', ARGV[8])
return {'OK', ARGV[1], format('%.0f', generation), format('%.0f', revision),
        settling and '1' or '0', page[1], page[2]}
