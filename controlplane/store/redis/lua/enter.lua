-- keys: meta feed
-- Revisions, the feed, and what is due before a verb: a stall that is noticed, settling that ends.

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

local function enter()
  if passed > $stall_seen then
    -- Renewals that were sent meanwhile were not read, and nobody could restore.
    local counted = passed > $counted_max and $counted_max or passed
    if settling > 0 then
      settling, settling_max = settling + counted, settling_max + counted
    end
    meaningful = math.max(meaningful, now + $renewal_grace, settling + $renewal_grace)
    call('HSET', meta, 'settling', text(settling), 'settling_max', text(settling_max),
         'meaningful', text(meaningful))
  end
  passed = 0
  call('HSET', meta, 'now', text(now), 'time', text(time))
  if settling > 0 and now >= settling then
    settling = 0
    call('HSET', meta, 'settling', '0')
    next_revision()
    publish('settled', '')
  end
end
