-- keys: meta feed bulletins bulletins_by_age bulletins_by_notice broadcasts mail_by_age mail_by_notice
-- raise_generation: by compare-and-set, and only where history is lost. ARGV: 7 seen, 8 at least.
local at_least = number(ARGV[8])
if (lost or at_least > generation) and number(ARGV[7]) == generation then
  -- The feed outlives a `meta` that was lost alone, and takes only higher ids.
  local last = call('XREVRANGE', feed, '+', '-', 'COUNT', 1)[1]
  local feed_generation = last and number(match(last[1], '^%d+')) or 0
  local highest = math.max(at_least, time, generation, feed_generation)
  local raised = highest + 1
  if raised <= highest or raised >= $generation_max then
    error('no generation is left above ' .. text(highest) .. ', which somebody wrote by hand')
  end
  local previous = text(generation) .. '-' .. text(revision)
  local is_new = generation == 0 and at_least == 0
  local nothing_here = generation == 0
  generation, generation_text = raised, text(raised)
  settling = true
  revision, revision_text, epochs = 1, '1', 0
  -- First what can fail: a generation is there as a whole or not at all.
  publish('generation', '')
  if nothing_here then
    call('UNLINK', bulletins, bulletins_by_age, bulletins_by_notice, broadcasts, mail_by_age,
         mail_by_notice)
  end
  call('HSET', meta, 'run', ARGV[1], 'previous', previous, 'records_known', is_new and '1' or '0',
       'generation', generation_text, 'revision', revision_text, 'epochs', '0', 'now', text(now),
       'time', time_text, 'settling', text(now + $settling_first), 'settling_max',
       text(now + $settling_max), 'meaningful', text(now + $settling_first + $renewal_grace))
  -- Whoever knows more than the new generation is lost to it as well.
  lost = number(ARGV[2]) >= generation or number(ARGV[4]) >= generation
end
-- Also to who asked for more while another one raised it.
lost = lost or at_least > generation
return {'OK', text(generation), settling and '1' or '0', lost and '1' or '0',
        call('HGET', meta, 'records_known') == '1' and '1' or '0'}
