-- The senior loan of each project, half-year by half-year. While the project is built it is drawn in the share `gearing` of the
-- capex, and interest is added to it; then it is repaid within its tenor: in equal instalments of interest and principal
-- (annuity), or in equal ones of principal (linear). Balances are closed forms, each rounded to the cent by itself, so that no
-- rounding adds up and the last one is 0.
with periods as (

    select * from {{ ref('int_operating_cash_flows') }}

),

facilities as (

    select
        *,
        interest_rate::double / 2 as half_year_rate
    from {{ ref('stg_financing__facilities') }}

),

draws as (

    select
        periods.project_id,
        periods.period_number,
        periods.operating_period_number,
        (periods.capex * facilities.gearing)::decimal(18, 2) as drawn,
        facilities.half_year_rate
    from periods
    inner join facilities using (project_id)
    where periods.operating_period_number <= 0

),

building as (

    select
        later.project_id,
        later.period_number,
        any_value(later.drawn) as drawn,
        sum(
            earlier.drawn::double
            * pow(1 + later.half_year_rate, later.period_number - earlier.period_number)
        )::decimal(18, 2) as closing_balance
    from draws as later
    inner join draws as earlier
        on earlier.project_id = later.project_id
        and earlier.period_number <= later.period_number
    group by later.project_id, later.period_number

),

loans as (

    select
        project_id,
        max_by(closing_balance, period_number) as loan
    from building
    group by project_id

),

balances as (

    select
        periods.project_id,
        periods.period_end_date,
        periods.period_number,
        periods.operating_period_number,
        facilities.half_year_rate,
        coalesce(building.drawn, 0) as drawn,
        case
            when periods.operating_period_number <= 0 then building.closing_balance
            when periods.operating_period_number >= facilities.tenor_half_years then 0
            when facilities.repayment_profile = 'linear' or facilities.half_year_rate = 0
                then (
                    loans.loan::double
                    * (1 - periods.operating_period_number / facilities.tenor_half_years)
                )
            else
                loans.loan::double
                * (
                    pow(1 + facilities.half_year_rate, facilities.tenor_half_years)
                    - pow(1 + facilities.half_year_rate, periods.operating_period_number)
                )
                / (pow(1 + facilities.half_year_rate, facilities.tenor_half_years) - 1)
        end::decimal(18, 2) as closing_balance
    from periods
    inner join facilities using (project_id)
    inner join loans using (project_id)
    left join building using (project_id, period_number)

),

final as (

    select
        concat_ws('-', project_id, period_end_date) as project_period_id,
        project_id,
        period_end_date,
        operating_period_number,
        half_year_rate,
        coalesce(
            lag(closing_balance) over (partition by project_id order by period_end_date), 0
        )::decimal(18, 2) as opening_balance,
        drawn,
        closing_balance,
        if(operating_period_number > 0, opening_balance - closing_balance, 0)::decimal(18, 2)
            as principal,
        if(operating_period_number > 0, opening_balance::double * half_year_rate, 0)::decimal(18, 2)
            as interest
    from balances

)

select
    *,
    principal + interest as debt_service
from final
