-- keys: meta broadcasts
-- broadcast. ARGV: 7 replica, 8 bytes. Every replica reads it with its next polls.
local id = format('%.0f-0', call('HINCRBY', meta, 'notices', 1))
call('XADD', broadcasts, 'MAXLEN', $broadcasts_kept, id, ARGV[7], ARGV[8])
call('PEXPIRE', broadcasts, $broadcasts_expiry_ms)
return {'OK', '1'}
