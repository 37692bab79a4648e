-- keys: placements dead
-- orphan: release, on evidence about a holder that cannot say it itself. ARGV: 11 evidence, 12 how
-- long ago the snapshot was taken that lacks it (empty: there is none).
local p = load(stream)
if not is_held(p) or p.state == 'o' then return unchanged(p) end
if ARGV[11] ~= 'unknown' then
  local gone = gone_since(p.holder)
  if not gone then return unchanged(p) end
  -- A cut-off forwarder goes on publishing: only its origin can say that it does not.
  local listed = not (ARGV[12] ~= '' and now - number(ARGV[12]) > gone)
  if listed and not call('ZSCORE', dead, p.incarnation) then return unchanged(p) end
end
return end_holder(p)
