-- keys: meta
-- read_generation: also where history is lost.
if not lost and (passed > $stall_seen or (settling > 0 and now >= settling)) then enter() end
return {'OK', text(generation), settling > 0 and '1' or '0', lost and '1' or '0',
        call('HGET', meta, 'records_known') == '1' and '1' or '0'}
