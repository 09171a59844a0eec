"""The click group that every verb enters, and how its help is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from pluto_duck.commands import Door
from pluto_duck.errors import nearest

SECTIONS = ("Start here", "Bring data in", "Look and ask", "Look after it")

EXIT_CODES = (
    (0, "done"),
    (1, "something unexpected, or `doctor` found a problem"),
    (2, "the command, a setting or the SQL makes no sense as written"),
    (3, "refused: a rule said no"),
    (4, "no such table, column, file or run"),
    (5, "the place that data comes from or goes to failed"),
    (6, "the workspace can't be used"),
    (7, "the question was not answered: declined, or it needs a choice"),
    (124, "a deadline passed"),
    (130, "stopped by you"),
)


class Told(Exception):
    """Not a failure: help or the version was asked for. It stops parsing wherever it is raised."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Whole(click.IntRange):
    name = "whole number"


def _tell_help(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        raise Told(context.get_help())


def _help_option() -> click.Option:
    return click.Option(["-h", "--help"], is_flag=True, expose_value=False, is_eager=True,
                        callback=_tell_help, help="Show this and stop.")


def _program(context: click.Context) -> str:
    return context.find_root().info_name or "pluto-duck"


class Verb(click.Command):
    """A command with a place in the help and examples that can be pasted."""

    def __init__(self, *args: Any, section: str = SECTIONS[0], examples: tuple[str, ...] = (),
                 **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section
        self.examples = examples

    def get_help_option(self, ctx: click.Context) -> click.Option:
        return _help_option()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{_program(ctx)} {example}\n")


class Family(click.Group, Verb):
    """A verb with verbs below it: `connections add`, `connections list`."""

    command_class = Verb
    otherwise = ""
    """The verb that is meant where what stands there is the name of something else: `changes orders`."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.get_short_help_str(120)) for name, verb in self.commands.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        Verb.format_epilog(self, ctx, formatter)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [f"[{'|'.join(self.commands)}] ..."]

    def resolve_command(
        self, ctx: click.Context, args: list[str],
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.otherwise and args and args[0] not in self.commands and not args[0].startswith("-") \
                and not nearest(args[0], self.commands):
            args = [self.otherwise, *args]
        _know(self, args, ctx, f"{self.name} ")
        return super().resolve_command(ctx, args)

    def verb(self, *examples: str, name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
        """Enters a function below this one; its first parameter is the Door."""

        def enter(function: Callable[..., Any]) -> click.Command:
            return self.command(name, cls=Verb, section=self.section, examples=examples)(click.pass_obj(function))

        return enter


def _know(group: click.Group, args: list[str], context: click.Context, before: str = "") -> None:
    """Raises UsageError with the nearest names for a verb that is none."""
    if args and args[0] not in group.commands and not args[0].startswith("-"):
        close = nearest(args[0], group.commands)
        also = f" Did you mean {before}{f' or {before}'.join(close)}?" if close else ""
        raise click.UsageError(f"There is no verb {before + args[0]!r}.{also}", context)


class Pluto(click.Group):
    """The group: verbs by section, nearest names for a slip."""

    command_class = Verb

    def get_help_option(self, ctx: click.Context) -> click.Option:
        return _help_option()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in SECTIONS:
            verbs = [(name, verb.get_short_help_str(120)) for name, verb in self.commands.items()
                     if isinstance(verb, Verb) and verb.section == section and not verb.hidden]
            with formatter.section(section):
                formatter.write_dl(verbs)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        program = _program(ctx)
        with formatter.section("Try"):
            for line in ("demo", "ingest sales.csv", 'query "select count(*) from sales"',
                         'ask "total amount by region"', "help ingest"):
                formatter.write(f"{'':{formatter.current_indent}}{program} {line}\n")
        if program == "pluto-duck":
            formatter.write_paragraph()
            formatter.write_text("Data goes to stdout, messages to stderr. Exit codes: "
                                 "0 done, 1 unexpected, 2 usage, 3 refused, 4 not found, 5 source, "
                                 "6 workspace, 7 not answered, 124 too slow, 130 stopped.")

    def resolve_command(
        self, ctx: click.Context, args: list[str],
    ) -> tuple[str | None, click.Command | None, list[str]]:
        _know(self, args, ctx)
        return super().resolve_command(ctx, args)


def _tell_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from pluto_duck import __version__

        raise Told(f"pluto-duck {__version__}")


@click.group(cls=Pluto, invoke_without_command=True, context_settings={"max_content_width": 100})
@click.option("-w", "--workspace", metavar="FOLDER",
              help="The workspace to use. Else the one the current folder is in, else your personal one.")
@click.option("--traceback", is_flag=True, help="Show where an error came from.")
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_tell_version,
              help="Show the version and stop.")
@click.pass_context
def pluto(context: click.Context, workspace: str | None, traceback: bool) -> str | None:
    """Your own data, in plain words or SQL, on this machine.

    A workspace is a folder with a database in it. Bring data in, ask, and use the same live data
    in a notebook, in this shell and over HTTP.
    """
    door: Door = context.obj
    if workspace is not None:
        if door.choose is None:
            raise click.UsageError("This notebook keeps to the workspace it is in. "
                                   "pluto_duck.open(FOLDER) opens another one beside it.", context)
        door.choose(workspace)
        door.workspace = workspace
    return context.get_help() if context.invoked_subcommand is None else None


def verb(section: str, *examples: str, name: str | None = None,
         cls: type[Verb] = Verb) -> Callable[[Callable[..., Any]], click.Command]:
    """Enters a function into the table; its first parameter is the Door."""

    def enter(function: Callable[..., Any]) -> click.Command:
        return pluto.command(name, cls=cls, section=section, examples=examples)(click.pass_obj(function))

    return enter


def family(section: str, *examples: str) -> Callable[[Callable[..., Any]], Family]:
    """Enters a function as a verb with verbs below it; alone, it runs itself. Its first parameter is the context."""

    def enter(function: Callable[..., Any]) -> Family:
        made = pluto.group(cls=Family, section=section, examples=examples, invoke_without_command=True)(
            click.pass_context(function))
        assert isinstance(made, Family)
        return made

    return enter


@verb(SECTIONS[0], "help query", name="help")
@click.argument("names", nargs=-1, metavar="[VERB]")
@click.pass_context
def help_(context: click.Context, door: Door, names: tuple[str, ...]) -> str:
    """What a verb does, with examples."""
    inside = context.find_root()
    for name in names:
        if isinstance(inside.command, click.Group):
            _, command, _ = inside.command.resolve_command(inside, [name])
            assert command is not None
            inside = click.Context(command, parent=inside, info_name=name)
    return inside.get_help()
