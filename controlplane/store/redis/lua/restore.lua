-- keys: placements
-- restore: only while settling, only over nothing or a lower epoch. ARGV: 11 origin, 12
-- incarnation, 13 state, 14 media accepted, 15 bind time (0: unknown), 16 verdict.
local p = load(stream)
if not settling or ARGV[9] == '0' then return unchanged(p) end
-- Restored before by somebody who had not yet seen its media: this is the confirm that was lost.
if is_held(p) and p.state == 'b' and ARGV[13] == 'p' then return publishes(p) end
local g, n = number(ARGV[9]), number(ARGV[10])
if p then
  if not is_newer(g, n, number(p.epoch_g), number(p.epoch_n)) then return unchanged(p) end
else
  local last_g, last_n = last_epoch(stream)
  if is_newer(last_g, last_n, g, n) then return unchanged(nil) end
end
local expires = '0'
if ARGV[13] == 'o' then
  expires = text(now + $orphan_kept)
elseif is_external(holder) then
  expires = text(now + $external_kept)
end
return changed(put(stream, {
  origin = ARGV[11], incarnation = ARGV[12], holder = holder, epoch_g = ARGV[9],
  epoch_n = ARGV[10], state = ARGV[13], media = (ARGV[14] == '1' or ARGV[13] ~= 'b') and '1' or '0',
  bound = ARGV[15] ~= '0' and ARGV[15] or time_text, expires = expires,
  taken = p and p.taken or '0', verdict = ARGV[16],
  was_incarnation = p and p.was_incarnation, was_expires = p and p.was_expires,
}))
