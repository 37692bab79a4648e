-- keys: meta feed bulletins bulletins_by_age bulletins_by_notice broadcasts mail_by_age mail_by_notice
-- raise_generation: by compare-and-set, and only where history is lost. ARGV: 7 seen, 8 at least.
local at_least = number(ARGV[8])
if (lost or at_least > generation) and number(ARGV[7]) == generation then
  -- The feed outlives a `meta` that was lost alone, and takes only higher ids.
  local last = call('XREVRANGE', feed, '+', '-', 'COUNT', 1)[1]
  local feed_generation = last and number(match(last[1], '^%d+')) or 0
  if generation == 0 then
    call('UNLINK', bulletins, bulletins_by_age, bulletins_by_notice, broadcasts, mail_by_age,
         mail_by_notice)
  end
  call('HSET', meta, 'run', ARGV[1], 'previous', text(generation) .. '-' .. text(revision),
       'records_known', generation == 0 and at_least == 0 and '1' or '0')
  generation = math.max(at_least, time, generation, feed_generation) + 1
  generation_text = text(generation)
  settling = true
  revision, epochs, lost = 0, 0, false
  call('HSET', meta, 'generation', generation_text, 'revision', '0', 'epochs', '0', 'now',
       text(now), 'time', time_text, 'settling', text(now + $settling_first), 'settling_max',
       text(now + $settling_max), 'meaningful', text(now + $settling_first + $renewal_grace))
  next_revision()
  publish('generation', '')
  -- Whoever knows more than the new generation is lost to it as well.
  lost = number(ARGV[2]) >= generation or number(ARGV[4]) >= generation
end
return {'OK', text(generation), settling and '1' or '0', lost and '1' or '0',
        call('HGET', meta, 'records_known') == '1' and '1' or '0'}
