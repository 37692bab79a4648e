-- keys: placements dead
-- adopt: an untagged live stream gets the holder `direct`. ARGV: 7 stream, 8 origin, 9 incarnation,
-- 10 verdict. While settling, its forwarder may still have to restore a placement of this name.
if settling then return {'SETTLING'} end
local stream, origin = ARGV[7], ARGV[8]
local p = load(stream)
local function may_adopt()
  if not is_live(origin, ARGV[9]) then return false end
  if not p then return true end
  if call('ZSCORE', dead, p.incarnation) then
    -- The same server, declared dead by mistake, goes on with what the session publishes there.
    return p.origin ~= origin or not is_session(p.holder)
  end
  return is_external(p.holder) and p.origin == origin
end
if not may_adopt() then return unchanged(p) end
return changed(put(stream, {
  origin = origin, incarnation = ARGV[9], holder = 'd', epoch_g = generation_text,
  epoch_n = next_epoch(), state = 'p', media = '1', bound = time_text, expires = '0',
  taken = p and p.taken or '0', verdict = ARGV[10],
  was_incarnation = p and p.was_incarnation, was_expires = p and p.was_expires,
}))
