with source as (

    select * from {{ source('nycflights', 'flights') }}

),

renamed as (

    select
        -- time_hour, carrier and number are the key; an epoch does not depend on anybody's time zone
        concat_ws('-', carrier, flight, epoch(time_hour)::bigint) as flight_id,

        carrier as carrier_code,
        flight as flight_number,
        tailnum as tail_number,
        origin as origin_code,
        dest as destination_code,

        make_date(year, month, day) as flight_date,
        time_hour as scheduled_hour_at,
        dep_delay as departure_delay_min,
        arr_delay as arrival_delay_min,
        air_time as air_time_min,
        distance as distance_mi,

        dep_time is null as is_cancelled,
        dep_time is not null and arr_delay is null as is_diverted
    from source

)

select * from renamed
