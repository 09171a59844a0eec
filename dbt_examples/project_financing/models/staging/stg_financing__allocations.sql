select
    concat_ws('-', portfolio_id, project_id) as allocation_id,
    portfolio_id,
    project_id,
    share as equity_share
from {{ ref('raw_allocations') }}
