-- keys: renewals dead placements
-- acquire: the rules are the text of docs/adr/0004-ownership.md, in its order.
-- ARGV: as for acquire_unplaced.lua.
local stream, holder = ARGV[7], ARGV[8]
local evidence, expected_g, expected_n, held_at = match(ARGV[10], '^(%S+) (%d+) (%d+) (%d+)$')
local failed, failed_g, failed_n = match(ARGV[11], '^(%S*) (%d+) (%d+)$')
if ARGV[9] ~= '' then call('ZADD', renewals, now + $renewal_expiry, ARGV[9]) end
local held = load(stream)

local function evidence_holds()
  if evidence == 'idle' then
    -- Media may have come back since; a time after now is not of this store.
    return number(held_at) <= now and now - number(held_at) <= $idle_evidence_age_max
  end
  if evidence == 'renewal_gone' then return gone_since(held.holder) ~= nil end
  return evidence == 'policy' or evidence == 'unknown'
end

local takeover = false
local function second_publisher()
  if expected_g ~= held.epoch_g or expected_n ~= held.epoch_n then return 'HELD' end
  -- Nobody can ask a direct publisher, and no one may close it unasked.
  if held.holder == 'd' then return 'HELD' end
  if held.taken ~= '0' and now - number(held.taken) < $takeover_pause then return 'HELD' end
  -- He still waits for his origin: two encoders would push each other out.
  if evidence == 'policy' and held.state == 'b' then return 'HELD' end
  if not evidence_holds() then return 'STALE' end
  takeover, failed = true, nil
  return 'SAME_ORIGIN'
end
local function decide()
  if not held then return 'CANDIDATE' end
  -- First of all: nobody stays, or returns, to an origin that was declared dead.
  if call('ZSCORE', dead, held.incarnation) then return 'CANDIDATE' end
  if held.state == 'o' then return 'SAME_ORIGIN' end
  if held.holder == holder then
    -- Once an origin took his media, players are on it: it ends with that origin, not by a retry.
    if failed == held.incarnation and failed_g == held.epoch_g and failed_n == held.epoch_n
      and held.media == '0' then
      return 'CANDIDATE'
    end
    return 'SAME'
  end
  if is_external(held.holder) and not is_external(holder) then return 'SAME_ORIGIN' end
  return second_publisher()
end

local action = decide()
-- While the store settles it may not yet know the rightful holder of anything.
if settling and action ~= 'SAME' then return {'SETTLING'} end
if action == 'SAME' or action == 'HELD' or action == 'STALE' then
  return {'OK', action, text(now), held.packed, '', '0'}
end

local origin, incarnation
if action == 'SAME_ORIGIN' then
  origin, incarnation = same_origin(stream, held, failed, takeover)
end
local new_origin = not origin
if new_origin then origin, incarnation = best_candidate(stream, 13, failed) end
if not origin then return {'OK', 'NONE', text(now), held and held.packed or '', '', '0'} end

local packed = put(stream, {
  origin = origin, incarnation = incarnation, holder = holder,
  epoch_g = generation_text, epoch_n = next_epoch(),
  state = 'b', media = '0', bound = time_text,
  expires = is_external(holder) and text(now + $external_kept) or '0',
  taken = takeover and text(now) or held and held.taken or '0',
  -- The record of why this origin was chosen stays while the origin stays.
  verdict = new_origin and ARGV[12] or held.verdict,
  was_incarnation = held and held.was_incarnation, was_expires = held and held.was_expires,
})
return {'OK', 'BOUND', text(now), packed, held and held.packed or '', new_origin and '1' or '0'}
