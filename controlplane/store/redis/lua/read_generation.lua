-- keys: meta
-- read_generation: also where history is lost.
return {'OK', format('%.0f', generation), settling and '1' or '0', lost and '1' or '0',
        call('HGET', meta, 'records_known') == '1' and '1' or '0'}
