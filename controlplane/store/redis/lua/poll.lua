-- keys: meta feed placements expiries last_epochs last_epochs_by_age renewals dead references origins names live records tombstones bulletins bulletins_by_age bulletins_by_notice broadcasts mail_by_age mail_by_notice media media_by_age
-- The poll of each replica: time goes on, what is due goes, and what is new is told. ARGV: 7, 8
-- revision of the last change that was read (7 empty: none, begin with the present), 9 limit, 10, 11
-- and 12 the last notices of bulletins, broadcasts and mail that were read (empty: none).
if lost then return {'LOST', text(generation), text(revision)} end

if passed > $stall_seen then
  -- The store stood still: renewals that were sent meanwhile were not read, and nobody could
  -- restore.
  local settling_until = settling and (number(state[7]) or 0) + counted or 0
  local meaningful = math.max(number(call('HGET', meta, 'meaningful')) or 0,
                              now + $renewal_grace, settling_until + $renewal_grace)
  if settling then
    local settling_max = (number(call('HGET', meta, 'settling_max')) or 0) + counted
    state[7] = text(settling_until)
    call('HSET', meta, 'settling', state[7], 'settling_max', text(settling_max))
  end
  call('HSET', meta, 'meaningful', text(meaningful))
end
call('HSET', meta, 'now', text(now), 'time', time_text)
if settling and now >= (number(state[7]) or 0) then
  call('HSET', meta, 'settling', '0')
  next_revision()
  publish('settled', '')
end

local function due(key, since)
  return call('ZRANGEBYSCORE', key, '-inf', now - (since or 0), 'LIMIT', 0, $due_per_poll)
end
for _, stream in ipairs(due(expiries)) do
  local packed = call('HGET', placements, stream)
  local p = packed and parse_placement(packed)
  if p and p.was_expires ~= '0' and number(p.was_expires) <= now then
    remove(stream, p)
  else
    call('ZREM', expiries, stream)  -- nobody's: it was written by hand
  end
end
for _, stream in ipairs(due(last_epochs_by_age)) do
  call('HDEL', last_epochs, stream)
  call('ZREM', last_epochs_by_age, stream)
end
for _, forwarder in ipairs(due(renewals, $renewal_remembered)) do
  call('ZREM', renewals, forwarder)
end
for _, incarnation in ipairs(due(dead)) do
  if call('HGET', references, incarnation) then
    call('ZADD', dead, now + $dead_origin_kept, incarnation)
  else
    call('ZREM', dead, incarnation)
    local id = name_of(incarnation)
    local o = id and read_origin(id)
    if o and o.incarnation == incarnation then
      call('HDEL', origins, id)
      call('HDEL', live, id)
      local others = string.gsub(call('HGET', names, o.wanted) or '', '|([^|]*)', function(each)
        return each == id and '' or '|' .. each
      end)
      if others == '|' or others == '' then
        call('HDEL', names, o.wanted)
      else
        call('HSET', names, o.wanted, others)
      end
      next_revision()
      publish('origin', id)
    end
  end
end
for _, field in ipairs(due(tombstones)) do
  call('HDEL', records, field)
  call('ZREM', tombstones, field)
end
for _, mailbox in ipairs(due(mail_by_age)) do
  call('ZREM', mail_by_age, mailbox)  -- its commands expire with their key
  call('ZREM', mail_by_notice, mailbox)
end
for _, ufrag in ipairs(due(media_by_age)) do
  call('HDEL', media, ufrag)
  call('ZREM', media_by_age, ufrag)
end
for _, replica in ipairs(due(bulletins_by_age)) do
  if call('HDEL', bulletins, replica) == 1 then
    -- Its name stays for a while, for those who have yet to read that it is gone.
    call('ZADD', bulletins_by_notice, call('HINCRBY', meta, 'notices', 1), replica)
    call('ZADD', bulletins_by_age, now + $gone_bulletin_told, replica)
  else
    call('ZREM', bulletins_by_age, replica)
    call('ZREM', bulletins_by_notice, replica)
  end
end

-- What is new. Notices begin again where `meta` was lost, or go back where a failover lost some:
-- bulletins and mail are told once more, which does no harm; a broadcast is not.
local notices = number(call('HGET', meta, 'notices')) or 0
local function seen(argument)
  local n = number(argument)
  if not n then return notices end
  return n > notices and 0 or n
end
local bytes, more_notices = 0, false
local bulletins_seen, told_bulletins = seen(ARGV[10]), {}
local changed_bulletins = call('ZRANGEBYSCORE', bulletins_by_notice, '(' .. text(bulletins_seen),
                               '+inf', 'WITHSCORES', 'LIMIT', 0, $replicas_max)
for i = 1, #changed_bulletins, 2 do
  local value = call('HGET', bulletins, changed_bulletins[i])
  if value and bytes > 0 and bytes + #value > $reply_bytes then
    more_notices = true
    break
  end
  bytes = bytes + (value and #value or 0)
  told_bulletins[#told_bulletins + 1] = changed_bulletins[i]
  told_bulletins[#told_bulletins + 1] = value and '1' .. value or '0'
  bulletins_seen = number(changed_bulletins[i + 1])
end
local broadcasts_seen, told_broadcasts = math.min(number(ARGV[11]) or notices, notices), {}
for _, entry in ipairs(call('XRANGE', broadcasts, '(' .. text(broadcasts_seen) .. '-0', '+',
                            'COUNT', $broadcasts_per_poll)) do
  local from, value = entry[2][1] or '', entry[2][2] or ''
  if bytes > 0 and bytes + #value > $reply_bytes then
    more_notices = true
    break
  end
  bytes = bytes + #value
  told_broadcasts[#told_broadcasts + 1] = from
  told_broadcasts[#told_broadcasts + 1] = value
  broadcasts_seen = number(match(entry[1], '^%d+'))
  more_notices = more_notices or #told_broadcasts == 2 * $broadcasts_per_poll
end
local mail_seen, told_mail = seen(ARGV[12]), {}
local changed_mail = call('ZRANGEBYSCORE', mail_by_notice, '(' .. text(mail_seen), '+inf',
                          'WITHSCORES', 'LIMIT', 0, $mailboxes_per_poll)
for i = 1, #changed_mail, 2 do
  told_mail[#told_mail + 1] = changed_mail[i]
  mail_seen = number(changed_mail[i + 1])
  more_notices = more_notices or #told_mail == $mailboxes_per_poll
end

local page, last, more, reset
if ARGV[7] ~= '' then
  page, last, more = changes_after(ARGV[7], ARGV[8], ARGV[9])
  reset = not page
end
return {'OK', last or generation_text .. '-' .. text(revision),
        (more or more_notices) and '1' or '0', reset and '1' or '0', page or {},
        text(bulletins_seen), told_bulletins, text(broadcasts_seen), told_broadcasts,
        text(mail_seen), told_mail}
