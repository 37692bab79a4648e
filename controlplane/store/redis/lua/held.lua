-- keys:
-- Verbs that name what their caller believes. ARGV: 7 stream, 8 holder, 9, 10 epoch.
local stream, holder = ARGV[7], ARGV[8]
local function is_held(p)
  return p and p.holder == holder and p.epoch_g == ARGV[9] and p.epoch_n == ARGV[10]
end
-- Sessions leave an orphan, so that an encoder which reconnects finds its origin and its players.
local function end_holder(p)
  if not is_session(p.holder) then
    remove(stream, p)
    return changed('')
  end
  p.state, p.expires = 'o', text(now + $orphan_kept)
  return changed(put(stream, p))
end
local function publishes(p)
  p.state, p.media = 'p', '1'
  return changed(put(stream, p))
end
