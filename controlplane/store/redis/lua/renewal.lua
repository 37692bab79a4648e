-- keys: renewals meta
-- Since when the holder's forwarder is certainly gone; nil: it is not, or nobody can tell.
local function gone_since(holder)
  local forwarder = match(holder, '^s|([^|]*)|')
  if not forwarder or settling then return nil end
  -- From when an absent renewal means something.
  local meaningful = number(call('HGET', meta, 'meaningful')) or 0
  if now < meaningful then return nil end
  local expires = call('ZSCORE', renewals, forwarder)
  if not expires then return math.max(meaningful, now - $renewal_remembered) end
  expires = number(expires)
  if expires > now then return nil end
  return math.max(meaningful, expires)
end
