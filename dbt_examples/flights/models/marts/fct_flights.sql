{{
    config(
        materialized='incremental',
        unique_key='flight_id',
        incremental_strategy='delete+insert',
        on_schema_change='append_new_columns'
    )
}}

with flights as (

    select * from {{ ref('int_flights_with_weather') }}

    {% if is_incremental() %}

    where flight_date >= (
        select max(flight_date) - {{ var('flights_lookback_days') }}
        from {{ this }}
    )

    {% endif %}

)

select
    flight_id,
    carrier_code,
    flight_number,
    tail_number,
    origin_code,
    destination_code,
    flight_date,
    scheduled_hour_at,
    departure_delay_min,
    arrival_delay_min,
    air_time_min,
    distance_mi,
    wind_speed_mph,
    precipitation_in,
    visibility_mi,
    is_cancelled,
    is_diverted,
    not is_cancelled and not is_diverted
        and arrival_delay_min < 15 as is_on_time
from flights
