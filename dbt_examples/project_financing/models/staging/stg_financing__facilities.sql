select
    facility_id,
    project_id,
    gearing,
    interest_rate,
    tenor_half_years,
    profile as repayment_profile,
    lock_up_dscr
from {{ ref('raw_facilities') }}
