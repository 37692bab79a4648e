-- keys: meta
-- extend_settling: another second, 10 s in all.
if passed > $stall_seen or (settling > 0 and now >= settling) then enter() end
if settling > 0 then
  settling = math.min(math.max(settling, now + $settling_extension), settling_max)
  meaningful = math.max(meaningful, settling + $renewal_grace)
  call('HSET', meta, 'settling', text(settling), 'meaningful', text(meaningful))
end
return {'OK', text(generation), settling > 0 and '1' or '0', lost and '1' or '0',
        call('HGET', meta, 'records_known') == '1' and '1' or '0'}
