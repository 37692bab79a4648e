-- keys: meta
-- Store time moves on by what passed since the last poll, at most 2 s at once: a clock that jumps,
-- or a store that stood still, expires nothing. ARGV: 6 the time in microseconds, empty = Redis's.
local time = number(ARGV[6])
if not time then
  local t = call('TIME')
  time = t[1] * 1000000 + t[2]
end
local passed = time - (number(state[6]) or time)
local counted = math.max(0, math.min(passed, $counted_max))
now = state[5] and now + counted or time
time_text = format('%.0f', time)
