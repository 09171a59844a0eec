with customers as (

    select * from {{ ref('stg_customers') }}

),

orders as (

    select
        customer_id,
        count(*) as order_count,
        sum(amount) as lifetime_value,
        max(order_date) as last_order_date
    from {{ ref('stg_orders') }}
    group by customer_id

),

final as (

    select
        customers.customer_id,
        customers.customer_name,
        customers.country,
        coalesce(orders.order_count, 0) as order_count,
        coalesce(orders.lifetime_value, 0) as lifetime_value,
        orders.last_order_date
    from customers
    left join orders using (customer_id)

)

select * from final
