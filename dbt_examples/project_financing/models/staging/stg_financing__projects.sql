select
    project_id,
    name as project_name,
    technology,
    country,
    currency as currency_code,
    capacity_mw,
    closed_on as financial_close_date,
    operating_from as operation_date
from {{ ref('raw_projects') }}
