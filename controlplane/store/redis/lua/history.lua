-- keys: meta
-- Every script begins with this: which history is here, what its caller knows, what time it is.
--
-- ARGV: 1 run id of the Redis that the connection was opened to; 2, 3 the highest revision and 4, 5
-- the highest epoch that the caller has seen; 6 the time in microseconds, empty = Redis's own. What
-- follows is the verb's. Numbers here are doubles: below 2^53, and text only by text().
local call, number, match, format = redis.call, tonumber, string.match, string.format
local function text(n) return format('%.0f', n) end

local state = call('HMGET', meta, 'run', 'generation', 'revision', 'epochs', 'now', 'time',
                   'settling', 'settling_max', 'meaningful')
local generation, generation_text = number(state[2]) or 0, state[2]
local revision, epochs = number(state[3]) or 0, number(state[4]) or 0
local settling, settling_max = number(state[7]) or 0, number(state[8]) or 0
local meaningful = number(state[9]) or 0  -- from when an absent renewal means something

-- Store time moves on by what passed since the last poll, at most 2 s at once: a clock that jumps,
-- or a store that stood still, expires nothing.
local time = number(ARGV[6])
if not time then
  local t = call('TIME')
  time = t[1] * 1000000 + t[2]
end
local passed = time - (number(state[6]) or time)
local now = number(state[5]) or time
if passed > $counted_max then now = now + $counted_max elseif passed > 0 then now = now + passed end

local function ahead(g, n, of)
  g = number(g)
  return g > generation or (g == generation and number(n) > of)
end
local lost = generation == 0 or state[1] ~= ARGV[1] or ahead(ARGV[2], ARGV[3], revision)
  or ahead(ARGV[4], ARGV[5], epochs)
