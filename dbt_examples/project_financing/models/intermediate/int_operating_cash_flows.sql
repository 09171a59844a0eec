with cash_flows as (

    select * from {{ ref('stg_financing__cash_flows') }}

),

projects as (

    select * from {{ ref('stg_financing__projects') }}

),

pivoted as (

    select
        project_id,
        period_end_date,
        coalesce(sum(amount) filter (where cash_flow_type = 'capex'), 0)::decimal(18, 2) as capex,
        coalesce(sum(amount) filter (where cash_flow_type = 'revenue'), 0)::decimal(18, 2) as revenue,
        coalesce(sum(amount) filter (where cash_flow_type = 'opex'), 0)::decimal(18, 2) as opex,
        coalesce(sum(amount) filter (where cash_flow_type = 'tax'), 0)::decimal(18, 2) as tax
    from cash_flows
    group by project_id, period_end_date

),

final as (

    select
        concat_ws('-', pivoted.project_id, pivoted.period_end_date) as project_period_id,
        pivoted.*,
        revenue - opex - tax as cash_flow_for_debt_service,
        row_number() over (
            partition by pivoted.project_id order by pivoted.period_end_date
        ) as period_number,
        -- 1 in the first half-year of operation, 0 and less before
        period_number - count(*) filter (where pivoted.period_end_date < projects.operation_date)
            over (partition by pivoted.project_id) as operating_period_number
    from pivoted
    inner join projects using (project_id)

)

select * from final
