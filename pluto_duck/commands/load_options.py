"""The options of `ingest`: every field of LoadOptions as words of a command line, in groups that can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from pluto_duck.commands.group import Verb, Whole
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.ingest import LoadOptions

FROM, WHAT, INTO, NEW, GOES_ON, HOW, AGAIN, OTHER = GROUPS = (
    "Where from", "What of it", "Where to", "Only what is new", "Every change, as it happens", "How", "Again later",
    "Other")

# Other words for a connector: what people call the file they have.
ALSO = {"csv": "file", "tsv": "file", "parquet": "file", "json": "file", "excel": "file"}
_FROM = {
    "csv": "A csv file, a folder or a glob; the URI alone does the same.",
    "duckdb": "Another DuckDB file.",
    "excel": "An Excel workbook.",
    "file": "Files of any kind, told apart by their names.",
    "json": "A json or ndjson file, a folder or a glob.",
    "mysql": "mysql://user@host:port/database, or env:NAME.",
    "parquet": "A parquet file, a folder or a glob.",
    "postgres": "postgresql://user@host:port/database, or env:NAME.",
    "sqlite": "An SQLite file.",
    "tsv": "A tab-separated file, a folder or a glob.",
    "dlt": "MODULE:SOURCE, any source of the library dlt.",
}
_HIDDEN = ("dataframe",)
"""Connectors whose source can't be written on a command line as an address."""


class Grouped(click.Option):
    def __init__(self, *args: Any, group: str = OTHER, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group

    def get_help_extra(self, ctx: click.Context) -> Any:
        return {name: one for name, one in super().get_help_extra(ctx).items() if name != "range"}


def option(group: str, *names: str, **attributes: Any) -> Callable[[Any], Any]:
    return click.option(*names, cls=Grouped, group=group, **attributes)


class Ingest(Verb):
    """Has one `--from-NAME URI` for each connector that is installed, plug-ins too; its help begins with examples."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        from pluto_duck import plugins

        installed = {name: name for name in plugins.names("pluto_duck.connectors") if name not in _HIDDEN}
        found = [
            Grouped([f"--from-{alias}", f"from_{alias}"], metavar="URI", group=FROM,
                    help=_FROM.get(alias, f"Where from, read by the connector {name}."))
            for alias, name in sorted({**installed, **ALSO}.items()) if name in installed]
        own = super().get_params(ctx)
        return [*own[:-1], *found, own[-1]]  # --help stays last

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_epilog(ctx, formatter)
        self.format_options(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        params = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        for group in GROUPS:
            records = [record for one in params if getattr(one, "group", OTHER) == group
                       and (record := one.get_help_record(ctx)) is not None]
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)


_LOAD_OPTIONS = (
    option(FROM, "--from", "connection", metavar="NAME", help="A saved connection: `connections add NAME URI`."),
    option(WHAT, "--table", "tables", multiple=True, metavar="NAME",
           help="A table of the source, or a pattern like 'ord*'; may be repeated. Without it: all of them."),
    option(WHAT, "--exclude", multiple=True, metavar="NAME", help="Not this table, or pattern; may be repeated."),
    option(WHAT, "--schema", metavar="NAME", help="The schema of the source to read."),
    option(WHAT, "--query", metavar="SQL",
           help="A SELECT in the source's own SQL instead of tables; --table names what comes."),
    option(WHAT, "--where", metavar="CONDITION", help="Only rows for which this holds, in the source's own SQL."),
    option(WHAT, "--limit", type=Whole(0), metavar="N", help="At most N rows of each table."),
    option(WHAT, "--sample", type=click.FloatRange(0, 100, min_open=True), metavar="PERCENT",
           help="So many percent of the rows, at random."),
    option(WHAT, "--skip", multiple=True, metavar="COLUMN", help="Leave out COLUMN or TABLE.COLUMN; may be repeated."),
    option(WHAT, "--cast", multiple=True, metavar="COLUMN=TYPE",
           help="Carry COLUMN or TABLE.COLUMN as another type of the source; may be repeated."),
    option(INTO, "--into", metavar="NAME", help="The table to fill; for several tables SCHEMA.*"),
    option(INTO, "--mode", type=click.Choice(["replace", "append", "merge", "scd2"]),
           help="replace: fill the table anew (the default). append: add rows. merge: by key, update what is there and "
                "add what is not. scd2: keep every version of a row, with from and to."),
    option(INTO, "--key", multiple=True, metavar="COLUMN",
           help="What tells rows apart in merge and scd2; may be repeated. Without it: the source's primary key."),
    option(INTO, "--delete-missing", is_flag=True,
           help="merge: delete rows that the source has no more. scd2: close them."),
    option(INTO, "--columns", type=click.Choice(["evolve", "freeze", "discard"]),
           help="A column that is new at the source: added (evolve, the default), an error, or left out."),
    option(NEW, "--cursor", metavar="COLUMN", help="A column that only grows, such as updated_at: each load takes what "
                                                   "came since the last one. xmin: PostgreSQL's own row versions."),
    option(NEW, "--lag", metavar="SPAN", help="Look that much further back each time: '1 hour', 1000."),
    option(NEW, "--since", metavar="VALUE", help="The first load begins at this value of the cursor."),
    option(HOW, "--rejects", type=click.Choice(["refuse", "keep"]),
           help="A row of a file that can't be read: an error (refuse, the default), or kept in TABLE_rejects."),
    option(HOW, "--verify", is_flag=True, help="Compare sums of numbers and texts with the source before it counts."),
    option(HOW, "--check", is_flag=True, help="Run the table's checks before anybody sees the rows; where one "
           "that must hold fails, the table stays as it was."),
    option(HOW, "--parallel", type=Whole(1), metavar="N", help="Tables at once. Without it: as many as cores."),
    option(HOW, "--option", "settings", multiple=True, metavar="NAME=VALUE",
           help="For the kind of source: encoding=latin-1, sheet=Budget; may be repeated."),
    option(HOW, "--connector", metavar="NAME", help="Read it by this connector, where the address does not tell."),
)


def load_options(function: Any) -> Any:
    """The options that say what a load does; `told` makes LoadOptions of them."""
    for one in reversed(_LOAD_OPTIONS):
        function = one(function)
    return function


def told(given: Mapping[str, Any], connector: str | None) -> LoadOptions:
    from pluto_duck.ingest import LoadOptions

    fields: dict[str, Any] = {name: given[name] for name in (
        "tables", "exclude", "schema", "query", "where", "limit", "sample", "skip", "into", "mode", "delete_missing",
        "columns", "cursor", "lag", "since", "rejects", "verify", "check", "parallel") if given[name] is not None}
    fields["key"] = tuple(part.strip() for one in given["key"] for part in one.split(","))
    fields["cast"] = pairs(given["cast"], "--cast", "column=type", "--cast 'amount=numeric(12,2)'")
    fields["options"] = pairs(given["settings"], "--option", "name=value", "--option encoding=latin-1")
    return LoadOptions(connector=connector or given["connector"], **fields)


def of_words(words: str, connector: str | None = None) -> LoadOptions:
    """What a line of options, as `ingest` takes them, says: `--cast amount=VARCHAR --key id`."""
    import shlex

    @click.command("ingest")
    @load_options
    def line(**_given: Any) -> None:
        """Never called: only its options are read."""

    try:
        with line.make_context("ingest", shlex.split(words)) as context:
            return told(context.params, connector)
    except click.UsageError as error:
        raise UsageError(f"The options make no sense: {error.format_message()}",
                         hint="For example: --cast amount=VARCHAR --key id") from None
    except click.exceptions.Exit:
        raise UsageError("--help is no option of a load.", hint="In a cell: %pluto ingest --help") from None
    except ValueError as error:  # a quotation mark that nobody closed
        raise UsageError(f"The options make no sense: {error}.", hint="For example: --key 'my id'") from None


def pairs(texts: tuple[str, ...], option: str, shape: str, example: str) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and (value or option == "--option")):
            raise UsageError(f"{option} {text} is not {shape}.", hint=f"For example: {example}")
        found[name] = value
    return found


def as_words(options: LoadOptions) -> str:
    """The options as a line of the history: what differs from the defaults."""
    from pluto_duck.ingest.recipe import written

    entry = written("", uri="", connection=None, options=options)
    words = []
    for name, value in list(entry.items())[2:]:
        word = "--" + {"tables": "table", "options": "option"}.get(name, name).replace("_", "-")
        if value is True:
            words.append(word)
        elif isinstance(value, dict):
            words += [f"{word} {key}={one}" for key, one in value.items()]
        else:
            words += [f"{word} {one}" for one in (value if isinstance(value, list) else [value])]
    return " ".join(words)
