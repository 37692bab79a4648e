-- keys: renewals
-- renew_forwarder. ARGV: 7 forwarder. Answers whether it was unbroken.
local expires = call('ZSCORE', renewals, ARGV[7])
call('ZADD', renewals, now + $renewal_expiry, ARGV[7])
return {'OK', expires and number(expires) > now and '1' or '0'}
