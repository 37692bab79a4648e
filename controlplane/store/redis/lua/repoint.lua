-- keys: placements
-- repoint: the same origin under another incarnation. ARGV: 11 which.
local p = load(stream)
if not is_held(p) or p.state == 'o' or p.incarnation == ARGV[11]
  or not is_live(p.origin, ARGV[11]) then
  return unchanged(p)
end
p.incarnation = ARGV[11]
return changed(put(stream, p))
