with portfolios as (

    select * from {{ ref('stg_financing__portfolios') }}

),

irrs as {{ xirr(ref('portfolio_cash_flows'), 'portfolio_id', 'period_end_date', 'equity_cash_flow_eur') }},

commitments as (

    select
        allocations.portfolio_id,
        count(*) as project_count,
        sum(allocations.equity_share * returns.equity_invested::double * fx_rates.eur_rate)
            ::decimal(18, 2) as committed_eur,
        sum(allocations.equity_share * returns.capacity_mw)::decimal(18, 2) as attributable_mw,
        min(returns.min_dscr) as weakest_dscr
    from {{ ref('stg_financing__allocations') }} as allocations
    inner join {{ ref('project_returns') }} as returns using (project_id)
    inner join {{ ref('stg_financing__fx_rates') }} as fx_rates using (currency_code)
    group by allocations.portfolio_id

),

-- what each portfolio is worth at the date of its first payment, at its own hurdle rate
present_values as (

    select
        cash_flows.portfolio_id,
        sum(
            cash_flows.equity_cash_flow_eur::double
            / pow(
                1 + portfolios.hurdle_rate::double,
                date_diff('day', firsts.first_date, cash_flows.period_end_date) / 365.0
            )
        )::decimal(18, 2) as npv_eur
    from {{ ref('portfolio_cash_flows') }} as cash_flows
    inner join portfolios using (portfolio_id)
    inner join (
        select
            portfolio_id,
            min(period_end_date) as first_date
        from {{ ref('portfolio_cash_flows') }}
        group by portfolio_id
    ) as firsts using (portfolio_id)
    group by cash_flows.portfolio_id

)

select
    portfolios.portfolio_id,
    portfolios.portfolio_name,
    portfolios.hurdle_rate,
    commitments.project_count,
    commitments.attributable_mw,
    commitments.committed_eur,
    commitments.weakest_dscr,
    present_values.npv_eur,
    irrs.xirr as equity_irr,
    irrs.xirr >= portfolios.hurdle_rate::double as is_above_hurdle
from portfolios
inner join commitments using (portfolio_id)
inner join present_values using (portfolio_id)
left join irrs using (portfolio_id)
