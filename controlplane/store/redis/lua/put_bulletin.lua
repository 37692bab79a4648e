-- keys: meta bulletins bulletins_by_age bulletins_by_notice
-- put_bulletin. ARGV: 7 replica, 8 bytes.
if call('HEXISTS', bulletins, ARGV[7]) == 0 and call('HLEN', bulletins) >= $replicas_max then
  return {'OK', '0'}
end
call('HSET', bulletins, ARGV[7], ARGV[8])
call('ZADD', bulletins_by_age, now + $bulletin_expiry, ARGV[7])
call('ZADD', bulletins_by_notice, call('HINCRBY', meta, 'notices', 1), ARGV[7])
return {'OK', '1'}
