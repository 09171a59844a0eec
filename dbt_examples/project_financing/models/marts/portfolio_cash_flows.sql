with cash_flows as (

    select * from {{ ref('int_project_cash_flows') }}

),

projects as (

    select * from {{ ref('stg_financing__projects') }}

),

allocations as (

    select * from {{ ref('stg_financing__allocations') }}

),

fx_rates as (

    select * from {{ ref('stg_financing__fx_rates') }}

)

select
    concat_ws('-', allocations.portfolio_id, cash_flows.period_end_date)
        as portfolio_period_id,
    allocations.portfolio_id,
    cash_flows.period_end_date,
    count(distinct allocations.project_id) as project_count,
    sum(
        allocations.equity_share * cash_flows.equity_cash_flow::double * fx_rates.eur_rate
    )::decimal(18, 2) as equity_cash_flow_eur
from cash_flows
inner join projects using (project_id)
inner join allocations using (project_id)
inner join fx_rates using (currency_code)
group by allocations.portfolio_id, cash_flows.period_end_date
