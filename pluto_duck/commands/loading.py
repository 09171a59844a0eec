"""`ingest`: data in, from anywhere a connector reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from pluto_duck.commands import Door
from pluto_duck.commands.asking import recorded
from pluto_duck.commands.group import SECTIONS, Verb, verb
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.ingest import LoadReport

# Other words for a connector: what people call the file they have.
_ALSO = {"csv": "file", "parquet": "file"}
_FROM = {
    "csv": "A csv file, a folder or a glob; the same as URI alone.",
    "file": "Files of any kind: csv, tsv, parquet, json; the same as URI alone.",
    "parquet": "A parquet file, a folder or a glob; the same as URI alone.",
    "postgres": "postgresql://user@host:port/database, or env:NAME.",
}


class Ingest(Verb):
    """Has one `--from-NAME URI` for each connector that is installed, plug-ins too."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        from pluto_duck import plugins

        names = {name: name for name in plugins.names("pluto_duck.connectors")}
        options = [
            click.Option([f"--from-{alias}", f"from_{alias}"], metavar="URI",
                         help=_FROM.get(alias, f"Where from, read by the connector {name}."))
            for alias, name in sorted({**names, **_ALSO}.items()) if name in names]
        own = super().get_params(ctx)
        return [*own[:-1], *options, own[-1]]  # --help stays last


def source(uri: str | None, aliases: dict[str, str | None]) -> tuple[str, str | None]:
    """The one place to read from, and the connector when it was named."""
    named = [(alias.removeprefix("from_"), value) for alias, value in aliases.items() if value is not None]
    if (uri is not None) + len(named) != 1:
        raise UsageError("Name one place to read from." if not (uri or named)
                         else "Name only one place to read from.",
                         hint="pluto-duck ingest sales.csv, or pluto-duck ingest --from-postgres URI "
                              "(env:NAME takes the URI from the environment).")
    if uri is not None:
        return uri, None
    alias, value = named[0]
    return str(value), _ALSO.get(alias, alias)


def casts(texts: tuple[str, ...]) -> dict[str, str]:
    """`--cast column=type`, as given."""
    found = {}
    for text in texts:
        column, equals, kind = text.partition("=")
        if not (column and equals and kind):
            raise UsageError(f"--cast {text} is not column=type.",
                             hint="For example: --cast amount=DECIMAL(12,2)")
        found[column] = kind
    return found


@verb(SECTIONS[1], "ingest sales.csv", "ingest 'logs/*.parquet' --into logs",
      "ingest --from-postgres postgresql://me@localhost/shop",
      "ingest --from-postgres env:SHOP_URL --table orders --table customers", cls=Ingest)
@click.argument("uri", required=False)
@click.option("--table", "tables", multiple=True, metavar="NAME",
              help="A table of the source, or a pattern; may be repeated. Without it: all of them.")
@click.option("--schema", metavar="NAME", help="The schema of the source to read.")
@click.option("--into", metavar="NAME",
              help="The table to fill; for several tables, SCHEMA.*")
@click.option("--mode", type=click.Choice(["replace", "append"]), default="replace", show_default=True,
              help="Fill the table anew, or add to the one that is there.")
@click.option("--skip", multiple=True, metavar="COLUMN", help="Leave out COLUMN or TABLE.COLUMN; may be repeated.")
@click.option("--cast", "cast", multiple=True, metavar="COLUMN=TYPE",
              help="Carry a column as another type of the source; may be repeated.")
def ingest(door: Door, uri: str | None, tables: tuple[str, ...], schema: str | None, into: str | None,
           mode: Literal["replace", "append"], skip: tuple[str, ...], cast: tuple[str, ...],
           **aliases: str | None) -> LoadReport:
    """Bring tables in from a file or a database.

    All or nothing: the old table stays until the new one is complete. A URI written as env:NAME is
    taken from the environment, so that a password need not stand in the shell's history.
    """
    from pluto_duck.ingest import ingest as load

    place, connector = source(uri, aliases)
    options: dict[str, Any] = {}
    if door.progress is not None:
        tell = door.progress
        options["on_progress"] = lambda so_far: tell(so_far.table, so_far.rows)
    session = door.open_session()
    report: LoadReport = recorded(session, "ingest", place, lambda: load(
        session, place, tables=tables or None, schema=schema, into=into, mode=mode, skip=skip,
        cast=casts(cast), connector=connector, **options))
    return report
