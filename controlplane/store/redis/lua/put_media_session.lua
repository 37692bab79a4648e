-- keys: media media_by_age
-- put_media_session. ARGV: 7 ufrag, 8 bytes, 9 expiry from now.
if call('HEXISTS', media, ARGV[7]) == 0 and call('HLEN', media) >= $media_sessions_max then
  return {'OK', '0'}
end
call('HSET', media, ARGV[7], ARGV[8])
call('ZADD', media_by_age, now + number(ARGV[9]), ARGV[7])
return {'OK', '1'}
