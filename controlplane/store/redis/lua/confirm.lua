-- keys: placements
-- confirm: the origin accepted media.
local p = load(stream)
if not is_held(p) or p.state ~= 'b' then return unchanged(p) end
return publishes(p)
