select
    project_id,
    sum(equity_share) as sold
from {{ ref('stg_financing__allocations') }}
group by project_id
having sold > 1
