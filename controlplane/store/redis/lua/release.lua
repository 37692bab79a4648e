-- keys: placements
-- release: the holder ended. Epoch 0: before it was told its epoch.
local p = load(stream)
local his = is_held(p) or (p and p.holder == holder and ARGV[9] == '0')
if not his or p.state == 'o' then return unchanged(p) end
return end_holder(p)
