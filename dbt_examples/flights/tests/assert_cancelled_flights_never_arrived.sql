-- A flight that never left can't have been in the air.
select flight_id
from {{ ref('fct_flights') }}
where is_cancelled
    and (air_time_min is not null or arrival_delay_min is not null)
