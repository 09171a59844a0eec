with flights as (

    select * from {{ ref('stg_nycflights__flights') }}

),

weather as (

    select * from {{ ref('stg_nycflights__weather') }}

),

joined as (

    select
        flights.*,
        weather.wind_speed_mph,
        weather.precipitation_in,
        weather.visibility_mi
    from flights
    left join weather
        on weather.airport_code = flights.origin_code
        and weather.observed_at = flights.scheduled_hour_at

)

select * from joined
