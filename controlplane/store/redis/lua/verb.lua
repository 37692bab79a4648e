-- keys: meta
-- A verb of the store: not in another history.
if lost then return {'LOST'} end
if passed > $stall_seen or (settling > 0 and now >= settling) then enter() end
