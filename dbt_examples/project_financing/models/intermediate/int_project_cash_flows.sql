with operating as (

    select * from {{ ref('int_operating_cash_flows') }}

),

debt as (

    select * from {{ ref('int_debt_schedules') }}

)

select
    operating.project_period_id,
    operating.project_id,
    operating.period_end_date,
    operating.operating_period_number,
    operating.capex,
    operating.cash_flow_for_debt_service,
    debt.half_year_rate,
    debt.drawn,
    debt.opening_balance,
    debt.closing_balance,
    debt.debt_service,
    operating.cash_flow_for_debt_service - operating.capex as project_cash_flow,
    operating.cash_flow_for_debt_service - operating.capex
        + debt.drawn - debt.debt_service as equity_cash_flow
from operating
inner join debt using (project_period_id)
