with flights as (

    select * from {{ ref('fct_flights') }}

),

airlines as (

    select * from {{ ref('stg_nycflights__airlines') }}

),

by_month as (

    select
        carrier_code,
        date_trunc('month', flight_date)::date as flight_month,
        count(*) as flight_count,
        count(*) filter (where is_cancelled) as cancelled_count,
        count(*) filter (where is_on_time) as on_time_count,
        avg(arrival_delay_min) as avg_arrival_delay_min,
        median(departure_delay_min)::double as median_departure_delay_min
    from flights
    group by carrier_code, flight_month

),

final as (

    select
        concat_ws('-', by_month.carrier_code, by_month.flight_month)
            as carrier_month_id,
        by_month.carrier_code,
        airlines.carrier_name,
        by_month.flight_month,
        by_month.flight_count,
        by_month.cancelled_count,
        by_month.on_time_count,
        by_month.on_time_count / by_month.flight_count as on_time_rate,
        by_month.avg_arrival_delay_min,
        by_month.median_departure_delay_min
    from by_month
    inner join airlines using (carrier_code)

)

select * from final
