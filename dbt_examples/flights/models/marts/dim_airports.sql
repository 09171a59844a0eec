with airports as (

    select * from {{ ref('stg_nycflights__airports') }}

),

destinations as (

    select distinct destination_code as airport_code
    from {{ ref('stg_nycflights__flights') }}

),

origins as (

    select distinct origin_code as airport_code
    from {{ ref('stg_nycflights__flights') }}

),

final as (

    select
        airports.*,
        origins.airport_code is not null as is_origin,
        destinations.airport_code is not null as is_destination
    from airports
    left join origins using (airport_code)
    left join destinations using (airport_code)

)

select * from final
