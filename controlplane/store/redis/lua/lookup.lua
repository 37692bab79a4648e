-- keys: placements
-- lookup. ARGV: 7 stream. "Nobody" is not known yet while what runs is being restored.
local p = load(ARGV[7])
if not p and settling then return {'SETTLING'} end
return {'OK', p and p.packed or ''}
