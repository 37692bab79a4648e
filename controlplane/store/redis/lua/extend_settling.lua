-- keys: meta
-- extend_settling: another second, 10 s in all.
if settling then
  local wanted = math.max(number(state[7]) or 0, now + $settling_extension)
  local ends = math.min(wanted, number(call('HGET', meta, 'settling_max')) or 0)
  local meaningful = number(call('HGET', meta, 'meaningful')) or 0
  call('HSET', meta, 'settling', format('%.0f', ends), 'meaningful',
       format('%.0f', math.max(meaningful, ends + $renewal_grace)))
end
return {'OK', format('%.0f', generation), settling and '1' or '0', lost and '1' or '0',
        call('HGET', meta, 'records_known') == '1' and '1' or '0'}
