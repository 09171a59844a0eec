with cash_flows as (

    select * from {{ ref('int_project_cash_flows') }}
    where debt_service > 0

),

facilities as (

    select * from {{ ref('stg_financing__facilities') }}

),

covered as (

    select
        project_period_id,
        project_id,
        period_end_date,
        cash_flow_for_debt_service,
        debt_service,
        opening_balance,
        cash_flow_for_debt_service::double / debt_service::double as dscr,
        -- over a year, as covenants look at it: seasons even out. NULL in the first half-year
        case when count(*) over last_year = 2 then
            sum(cash_flow_for_debt_service::double) over last_year
            / sum(debt_service::double) over last_year
        end as dscr_12m
    from cash_flows
    window last_year as (
        partition by project_id order by period_end_date
        rows between 1 preceding and current row
    )

)

select
    covered.*,
    facilities.lock_up_dscr,
    coalesce(covered.dscr_12m < facilities.lock_up_dscr, false) as is_lock_up
from covered
inner join facilities using (project_id)
