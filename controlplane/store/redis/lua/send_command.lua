-- keys: meta mailbox mail_by_age mail_by_notice
-- send_command. ARGV: 7 mailbox, 8 deadline from now, 9 the command. In a mailbox: `<until> <command>`.
while true do
  local oldest = call('LINDEX', mailbox, 0)
  if not oldest or (number(match(oldest, '^%d+')) or 0) > now then break end
  call('LPOP', mailbox)
end
local count = call('LLEN', mailbox)
if count >= $mailbox_commands_max
  or (not call('ZSCORE', mail_by_age, ARGV[7])
    and call('ZCARD', mail_by_age) >= $mailboxes_max) then
  return {'OK', '0'}
end
local deadline = number(ARGV[8])
call('RPUSH', mailbox, format('%.0f ', now + deadline) .. ARGV[9])
-- By the calendar, in case no replica is left to take it out: later than by store time.
local kept = math.max(call('PTTL', mailbox), math.ceil(deadline / 1000) + $mail_kept_ms)
call('PEXPIRE', mailbox, format('%.0f', kept))
local until_now = number(call('ZSCORE', mail_by_age, ARGV[7])) or 0
call('ZADD', mail_by_age, math.max(until_now, now + deadline), ARGV[7])
call('ZADD', mail_by_notice, call('HINCRBY', meta, 'notices', 1), ARGV[7])
return {'OK', '1'}
