-- keys: placements
-- claim: a live session without a placement gets it back, unless a higher epoch was handed out.
-- ARGV: 11 origin, 12 incarnation. While settling it is `restore` that brings back; a refusal now
-- could end a healthy session.
if settling then return {'SETTLING'} end
local p = load(stream)
if ARGV[9] == '0' then return unchanged(p) end
local g, n = number(ARGV[9]), number(ARGV[10])
if p then
  local older = is_newer(g, n, number(p.epoch_g), number(p.epoch_n))
  if p.holder == holder and p.origin == ARGV[11] and not older then
    if p.state == 'p' then return changed(p.packed) end
    -- His own, orphaned (he was given up too early) or not yet confirmed: its epoch stands.
    return publishes(p)
  end
  if not older then return unchanged(p) end
else
  local last_g, last_n = last_epoch(stream)
  if is_newer(last_g, last_n, g, n) then return unchanged(nil) end
end
return changed(put(stream, {
  origin = ARGV[11], incarnation = ARGV[12], holder = holder, epoch_g = ARGV[9],
  epoch_n = ARGV[10], state = 'p', media = '1', bound = time_text, expires = '0',
  taken = p and p.taken or '0', verdict = '',
  was_incarnation = p and p.was_incarnation, was_expires = p and p.was_expires,
}))
