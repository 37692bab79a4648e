-- keys: meta
-- A verb of the store: not in another history.
if lost then return {'LOST'} end
