{{ config(schema='shop_staging') }}

select
    id as order_id,
    customer as customer_id,
    ordered as order_date,
    amount
from {{ ref('raw_orders') }}
