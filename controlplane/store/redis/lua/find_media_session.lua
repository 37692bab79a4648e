-- keys: media media_by_age
-- find_media_session. ARGV: 7 ufrag.
local expires = call('ZSCORE', media_by_age, ARGV[7])
local found = expires and number(expires) > now and call('HGET', media, ARGV[7])
return {'OK', found and '1' or '0', found or ''}
