-- What was owed when operation began is what is repaid in all, to the cent.
select
    project_id,
    max(opening_balance) filter (where operating_period_number = 1) as loan,
    sum(principal) as repaid
from {{ ref('int_debt_schedules') }}
group by project_id
having loan is distinct from repaid
