select
    concat_ws('-', project_id, period_end, type) as cash_flow_id,
    project_id,
    period_end as period_end_date,
    type as cash_flow_type,
    amount
from {{ ref('raw_cash_flows') }}
