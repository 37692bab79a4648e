-- keys: dead live references
-- declare_dead: a monotone verdict. ARGV: 7 incarnation, 8 how long ago the evidence was
-- taken.
local incarnation = ARGV[7]
local id, its_generation = name_of(incarnation)  -- nil: not minted by a store
if call('ZSCORE', dead, incarnation) then return {'OK', '1'} end
local o = id and read_origin(id)
if o and o.incarnation == incarnation then
  -- Taken before this life began, it was about another one.
  if now - number(ARGV[8]) < number(o.began) then return {'OK', '0'} end
  call('ZADD', dead, now + $dead_origin_kept, incarnation)
  call('HDEL', live, o.id)
  o.dead = '1'
  write_origin(o)
  return {'OK', '1'}
end
-- Not a current one. Its placements must learn of it; and after a loss of history its process could
-- still come back with it. Otherwise nothing can ever name it again.
local could_return = id and its_generation < generation and not superseded(incarnation)
if could_return or call('HGET', references, incarnation) then
  call('ZADD', dead, now + $dead_origin_kept, incarnation)
end
return {'OK', '1'}
