with cash_flows as (

    select * from {{ ref('int_project_cash_flows') }}

),

projects as (

    select * from {{ ref('stg_financing__projects') }}

),

facilities as (

    select * from {{ ref('stg_financing__facilities') }}

),

project_irrs as {{ xirr(ref('int_project_cash_flows'), 'project_id', 'period_end_date', 'project_cash_flow') }},

equity_irrs as {{ xirr(ref('int_project_cash_flows'), 'project_id', 'period_end_date', 'equity_cash_flow') }},

coverage as (

    select
        project_id,
        min(dscr) as min_dscr,
        avg(dscr) as avg_dscr,
        count(*) filter (where is_lock_up) as lock_up_period_count
    from {{ ref('project_dscr') }}
    group by project_id

),

totals as (

    select
        project_id,
        sum(capex) as capex,
        sum(drawn) as drawn,
        max(closing_balance) filter (where operating_period_number = 0) as loan_at_operation,
        -- of the cash flows while the loan runs, at its own rate, by the loan when operation begins
        sum(
            cash_flow_for_debt_service::double
            / pow(1 + half_year_rate, operating_period_number)
        ) filter (where debt_service > 0)
        / loan_at_operation::double as llcr,
        -sum(equity_cash_flow) filter (where equity_cash_flow < 0) as equity_invested,
        sum(equity_cash_flow) filter (where equity_cash_flow > 0)::double
        / equity_invested::double as equity_multiple
    from cash_flows
    group by project_id

),

final as (

    select
        projects.project_id,
        projects.project_name,
        projects.technology,
        projects.country,
        projects.currency_code,
        projects.capacity_mw,
        totals.capex,
        totals.loan_at_operation,
        totals.equity_invested,
        project_irrs.xirr as project_irr,
        equity_irrs.xirr as equity_irr,
        totals.equity_multiple,
        coverage.min_dscr,
        coverage.avg_dscr,
        totals.llcr,
        coverage.lock_up_period_count
    from projects
    inner join facilities using (project_id)
    inner join totals using (project_id)
    inner join coverage using (project_id)
    left join project_irrs using (project_id)
    left join equity_irrs using (project_id)

)

select * from final
