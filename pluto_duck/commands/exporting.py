"""`export`: data out, to files and databases."""

from __future__ import annotations

from typing import Any, Literal

import click

from pluto_duck.commands import Door
from pluto_duck.commands.asking import recorded
from pluto_duck.commands.group import SECTIONS, Verb, verb
from pluto_duck.errors import UsageError


@verb(SECTIONS[2], "export sales sales.parquet", "export sales by-year --format parquet --partition-by year",
      "export --sql 'select region, sum(amount) from sales group by all' totals.xlsx",
      "export sales postgresql://me@localhost/shop --into archive.sales", cls=Verb)
@click.argument("arguments", nargs=-1, required=True, metavar="[TABLE] TARGET")
@click.option("--sql", metavar="SELECT", help="Rows of a query instead of a table.")
@click.option("--format", "format_",
              type=click.Choice(["csv", "tsv", "json", "ndjson", "parquet", "xlsx", "arrow", "postgres"]),
              help="Else told by the ending of TARGET.")
@click.option("--partition-by", metavar="COLUMN,...", help="A folder with one file or more for each value.")
@click.option("--compression", type=click.Choice(["none", "gzip", "zstd", "snappy", "lz4"]),
              help="Else by the ending (.gz, .zst); parquet: zstd.")
@click.option("--overwrite", is_flag=True, help="Put it in the place of a file or an earlier export that is there.")
@click.option("--into", metavar="NAME", help="PostgreSQL: the table; else its name here.")
@click.option("--mode", type=click.Choice(["create", "replace", "append"]), default="create", show_default=True,
              help="PostgreSQL: what to do with a table that is there.")
def export(door: Door, arguments: tuple[str, ...], sql: str | None, format_: str | None, partition_by: str | None,
           compression: str | None, overwrite: bool, into: str | None,
           mode: Literal["create", "replace", "append"]) -> str:
    """Write a table or a query to a file, a folder or a PostgreSQL table.

    Whole or not at all: it gets its name when the last row is in. csv and json keep text as it is, so a
    spreadsheet may take a cell of a csv that begins with = for a formula; in xlsx it stays text.
    """
    from pluto_duck.ingest.export import export as write

    if len(arguments) != (1 if sql is not None else 2):
        raise UsageError("Name what to export and where to." if sql is None else "Beside --sql name the target alone.",
                         hint=f"{door.program} export sales sales.parquet")
    what, target = (sql, arguments[0]) if sql is not None else arguments
    session = door.open_session()
    options: dict[str, Any] = {"on_progress": door.progress} if door.progress is not None else {}
    done = recorded(session, "export", what, lambda: write(
        session, what, target, format=format_, query=sql is not None or None,
        partition_by=[one.strip() for one in (partition_by or "").split(",") if one.strip()],
        compression=compression, overwrite=overwrite, into=into, mode=mode, namespace=door.namespace, **options))
    size = f", {done.bytes:,} bytes" if done.bytes else ""
    lines = [f"{done.row_count:,} row{'s' if done.row_count != 1 else ''} -> {done.target}{size}", *done.notices]
    return "\n".join(lines)
