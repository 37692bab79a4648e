-- keys: mailbox mail_by_age mail_by_notice
-- take_commands. ARGV: 7 mailbox. As much as fits into one reply; the second word says if that was
-- all. For each: what is left of its deadline, the command.
local taken, bytes, all = {}, 0, '1'
while true do
  local oldest = call('LINDEX', mailbox, 0)
  if not oldest then break end
  if bytes > 0 and bytes + #oldest > $reply_bytes then
    all = '0'
    break
  end
  call('LPOP', mailbox)
  local until_then, command = match(oldest, '^(%d+) (.*)$')
  if until_then and number(until_then) > now then
    bytes = bytes + #oldest
    taken[#taken + 1] = format('%.0f', number(until_then) - now)
    taken[#taken + 1] = command
  end
end
if all == '1' then
  call('ZREM', mail_by_age, ARGV[7])
  call('ZREM', mail_by_notice, ARGV[7])
end
return {'OK', all, taken}
