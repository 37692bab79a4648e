-- keys: meta feed
-- Revisions, epochs, and the feed.
local function text(n) return format('%.0f', n) end

local revision_text, epoch_text
local function next_revision()
  revision = revision + 1
  revision_text = text(revision)
  -- Saved before it is used: a fault further down must not have it used twice.
  if epoch_text then
    call('HSET', meta, 'revision', revision_text, 'epochs', epoch_text)
  else
    call('HSET', meta, 'revision', revision_text)
  end
  return revision_text
end
local function next_epoch()
  epochs = epochs + 1
  epoch_text = text(epochs)
  return epoch_text
end
-- After next_revision(), once for each.
local function publish(kind, what)
  call('XADD', feed, 'MAXLEN', '~', $changes_kept, generation_text .. '-' .. revision_text, kind,
       what)
end
