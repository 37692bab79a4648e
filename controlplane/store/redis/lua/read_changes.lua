-- keys: feed meta
-- read_changes. ARGV: 7, 8 revision of the token (7 empty: from now), 9 limit.
local present = format('%.0f-%.0f', generation, revision)
if ARGV[7] == '' then return {'OK', present, '0', '0', {}} end
local g, n = number(ARGV[7]), number(ARGV[8])
-- Ahead of the store: of a history that is lost.
local page, last, more
if g < generation or (g == generation and n <= revision) then
  page, last, more = changes_after(ARGV[7], ARGV[8], ARGV[9])
end
if not page then return {'OK', present, '0', '1', {}} end
return {'OK', last, more and '1' or '0', '0', page}
