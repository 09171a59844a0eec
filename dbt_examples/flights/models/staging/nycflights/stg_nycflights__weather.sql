select
    origin as airport_code,
    time_hour as observed_at,
    temp as temperature_f,
    wind_speed as wind_speed_mph,
    precip as precipitation_in,
    visib as visibility_mi
from {{ source('nycflights', 'weather') }}
