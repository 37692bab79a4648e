-- keys: feed meta
-- Changes after a revision, bounded in number and bytes; and whether there is a gap before them.
-- Revisions of a generation have no holes, so what follows must be the very next one.
local function changes_after(g, n, limit)
  local found, page, bytes, more = call('XRANGE', feed, '(' .. g .. '-' .. n, '+', 'COUNT', limit),
                                   {}, 0, false
  local last = g .. '-' .. n
  for i = 1, #found do
    local id, what = found[i][1], found[i][2]
    if i == 1 then
      local first_g, first_n = match(id, '^(%d+)-(%d+)$')
      local next_here = first_g == g and number(first_n) == number(n) + 1
      -- The first of a generation follows the last one before it that this store knew.
      local next_there = first_n == '1' and number(first_g) > number(g)
        and call('HGET', meta, 'previous') == last
      if not next_here and not next_there then return nil end
    end
    bytes = bytes + #(what[2] or '')
    if bytes > $reply_bytes and i > 1 then
      more = true
      break
    end
    page[#page + 1], page[#page + 2], page[#page + 3] = id, what[1] or '', what[2] or ''
    last = id
  end
  if #found == 0 and not (number(g) == generation and number(n) == revision) then return nil end
  return page, last, more or #found == number(limit)
end
