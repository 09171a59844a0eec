select
    portfolio_id,
    name as portfolio_name,
    hurdle_rate
from {{ ref('raw_portfolios') }}
