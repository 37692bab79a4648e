-- keys: meta
-- Every script begins with this: which history is here, what its caller knows, what time it is.
--
-- ARGV: 1 run id of the Redis that the connection was opened to; 2, 3 the highest revision and 4, 5
-- the highest epoch that the caller has seen; 6 clock.lua's. What follows is the verb's. Numbers
-- here are doubles: exact below 2^53, and text only by '%.0f'. No function is made here: each one
-- costs as much as a command.
local call, number, match, format = redis.call, tonumber, string.match, string.format

local state = call('HMGET', meta, 'run', 'generation', 'revision', 'epochs', 'now', 'time',
                   'settling', 'pins')
local generation, generation_text = number(state[2]) or 0, state[2]
local revision, epochs = number(state[3]) or 0, number(state[4]) or 0
-- Store time, and Redis's calendar, as of the last poll: only polls let time pass (clock.lua).
local now, time_text = number(state[5]) or 0, state[6] or '0'
local settling = state[7] and state[7] ~= '0'

local lost = generation == 0 or state[1] ~= ARGV[1]
if not lost and ARGV[2] ~= '0' then
  local g = number(ARGV[2])
  lost = g > generation or (g == generation and number(ARGV[3]) > revision)
end
if not lost and ARGV[4] ~= '0' then
  local g = number(ARGV[4])
  lost = g > generation or (g == generation and number(ARGV[5]) > epochs)
end
