-- keys: placements
-- move: an operator's order. ARGV: 7 stream, 8 mover (a holder), 9, 10 the epoch it expects, 11
-- verdict, 12 … candidates.
if settling then return {'SETTLING'} end
local stream = ARGV[7]
local p = load(stream)
if not p or p.epoch_g ~= ARGV[9] or p.epoch_n ~= ARGV[10] then return unchanged(p) end
local origin, incarnation = best_candidate(stream, 12, '')
if not origin or incarnation == p.incarnation then return unchanged(p) end
return changed(put(stream, {
  origin = origin, incarnation = incarnation, holder = ARGV[8], epoch_g = generation_text,
  epoch_n = next_epoch(), state = 'b', media = '0', bound = time_text,
  expires = text(now + $external_kept), taken = p.taken, verdict = ARGV[11],
  was_incarnation = p.was_incarnation, was_expires = p.was_expires,
}))
