"""What the host's DuckDB needs to read a PostgreSQL itself, through DuckDB's postgres extension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from pluto_duck.ingest.connectors.postgres_carrier import literal
from pluto_duck.session import NativeSource
from pluto_duck.workspace import quote

EXTENSION = "postgres_scanner"
_IN_SECRET = {"host": "HOST", "port": "PORT", "dbname": "DATABASE", "user": "USER", "password": "PASSWORD"}
PARALLEL_BYTES = 16 << 20
"""The extension hands out 8 MB of a table to each thread; below two of them it has nothing to share, and a
query of our own spares it reading the catalog of the whole schema."""


def installed() -> bool:
    """As a wheel beside us; the host may also have the extension from elsewhere."""
    return find_spec(f"duckdb_extension_{EXTENSION}") is not None


def source(name: str, options: Mapping[str, str]) -> NativeSource | None:
    """`options` are libpq's. None where one of them is a secret that would have to stand in the open."""
    if options.get("sslpassword"):
        return None
    # The path of an attached database is there for all to read (duckdb_databases); a secret is redacted.
    hidden = ", ".join(f"{_IN_SECRET[key]} {literal(value)}" for key, value in options.items()
                       if key in _IN_SECRET and value)
    shown = conninfo({key: value for key, value in options.items() if key not in _IN_SECRET})
    secret = quote(name + "_secret")
    return NativeSource(
        extensions=(EXTENSION,),
        open=(f"CREATE TEMPORARY SECRET {secret} (TYPE postgres, {hidden})",
              f"ATTACH {literal(shown)} AS {quote(name)} (TYPE postgres, SECRET {secret}, READ_ONLY)"),
        close=(f"DETACH {quote(name)}", f"DROP TEMPORARY SECRET {secret}"))


def begin(name: str, statements: Sequence[str]) -> tuple[str, ...]:
    """Takes the attached database into a snapshot: must be the first thing that touches it in a transaction."""
    return (f"CALL postgres_execute({literal(name)}, {literal('; '.join(statements))})",)


def query(name: str, sql: str) -> str:
    return f"SELECT * FROM postgres_query({literal(name)}, {literal(sql)})"


def direct(name: str, schema: str, table: str, columns: Sequence[tuple[str, str]]) -> str:
    """`columns` as (name in the table, name in the stream)."""
    picks = ", ".join(f"{quote(column)} AS {incoming}" for column, incoming in columns)
    return f"SELECT {picks} FROM {quote(name)}.{quote(schema)}.{quote(table)}"


def conninfo(options: Mapping[str, str]) -> str:
    """libpq's keyword form."""
    return " ".join("{}='{}'".format(key, value.replace("\\", "\\\\").replace("'", "\\'"))
                    for key, value in options.items() if value)
