select
    tailnum as tail_number,
    year as built_year,
    type as plane_type,
    manufacturer,
    model,
    engines as engine_count,
    seats as seat_count
from {{ source('nycflights', 'planes') }}
