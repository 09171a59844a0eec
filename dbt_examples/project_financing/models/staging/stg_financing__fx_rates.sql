select
    currency as currency_code,
    eur_rate
from {{ ref('raw_fx_rates') }}
