"""`semantics init|check|suggest`: the words that people use for the data of a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door, Facts
from pluto_duck.commands.group import SECTIONS, family
from pluto_duck.errors import Refused, UsageError

if TYPE_CHECKING:
    from pluto_duck.catalog import Catalog, Problem


@family(SECTIONS[2], "semantics init", "semantics check", "semantics suggest", "semantics suggest --write")
def semantics(context: click.Context) -> object:
    """Your words for your data: semantics.yaml, which every planner reads.

    It gives tables, columns and values the names people use, names metrics and conditions, tells joins and default
    dates. Without a verb: what `semantics check` says.
    """
    return context.invoke(check) if context.invoked_subcommand is None else None


@semantics.verb("semantics init")
def init(door: Door) -> str:
    """Write a first draft from the tables, with comments; a file that is there is left alone."""
    from pluto_duck.catalog import Catalog
    from pluto_duck.catalog.semantics.draft import draft

    session = door.open_session()
    path = _path(door)
    if path.exists() or path.is_symlink():
        raise _there(door, path)
    text = draft(Catalog.of(session), session)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _there(door, path) from None
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}.") from error
    return f"Wrote {path}.\nRead it and mend it, then: {door.program} semantics check"


def _there(door: Door, path: Path) -> Refused:
    return Refused(f"There is {path} already; it is left as it is.",
                   hint=f"{door.program} semantics suggest tells what could be added.")


@semantics.verb("semantics check")
def check(door: Door) -> Facts:
    """Hold the file against the data: what does not fit (exit code 1), what is ambiguous or in doubt."""
    from pluto_duck.catalog import Catalog
    from pluto_duck.catalog.semantics.doubts import doubts

    session = door.open_session()
    catalog = Catalog.of(session)
    path, said = _path(door), catalog.semantics
    if not path.exists() and not said and not said.problems:
        return Facts((("No semantic file", (("would be", str(path)), ("make one", f"{door.program} semantics init"))),))
    sections = [(str(path), _counts(catalog))]
    found = [*(one for one in said.problems if one.level == "doubtful"), *doubts(catalog, session)]
    if found:
        sections.append(("Doubtful", tuple((_place(one), f"{one.text} {one.hint}".strip()) for one in found)))
    broken = tuple((str(one), one.hint) for one in said.problems if one.level == "broken")
    if not found and not broken:
        sections.append(("All of it fits.", ()))
    return Facts(tuple(sections), broken)


def _counts(catalog: Catalog) -> tuple[tuple[str, str], ...]:
    said = catalog.semantics
    words = sum(len(table.words) + sum(len(one.words) for one in table.every_column) for table in catalog.tables)
    hidden = sum(len(table.concealed) for table in catalog.tables)
    told = {one.table.key for one in said.tables} & {table.ref.key for table in catalog.tables}
    pairs = [("tables", f"{len(told)} of {len(catalog.tables)}"),
             ("words", str(words)), ("metrics", str(len(said.metrics))), ("terms", str(len(said.terms))),
             ("joins", str(len(said.joins))), ("questions", str(len(said.questions)))]
    return (*pairs, ("hidden columns", str(hidden))) if hidden else tuple(pairs)


def _place(problem: Problem) -> str:
    at = f"line {problem.line}" if problem.line else problem.source
    return f"{at} {problem.where}".strip()


@semantics.verb("semantics suggest", "semantics suggest --write")
@click.option("--write", is_flag=True, help="Put all of it into the file.")
def suggest(door: Door, write: bool) -> str:
    """Propose additions as a diff: names and units from names and comments, default dates, metrics, joins.

    They are guesses. `semantics suggest > more.diff`, take away what is wrong, `patch < more.diff`.
    """
    import difflib

    from pluto_duck.agent.memory.semantic_file import path_of, text_of
    from pluto_duck.agent.memory.semantic_file import write as overwrite
    from pluto_duck.catalog import Catalog
    from pluto_duck.catalog.semantics.nodes import Unreadable
    from pluto_duck.catalog.semantics.suggesting import applied, proposals

    session, path = door.open_session(), _path(door)
    catalog = Catalog.of(session)
    if not path.exists():
        raise UsageError(f"There is no {path}.", hint=f"{door.program} semantics init writes a first draft.")
    before = text_of(session.workspace)
    try:
        after = applied(before, proposals(catalog, session))
    except Unreadable as error:
        raise UsageError(f"{path.name}:{error.line}: {error.text}", hint="Mend that line first.") from None
    if after == before:
        return "There is nothing to add."
    if write:
        overwrite(path_of(session.workspace), after)
        return f"Added {_count(before, after)} lines to {path}.\nRead them, then: {door.program} semantics check"
    return "".join(difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True),
                                        path.name, path.name, n=2)).rstrip("\n")


def _count(before: str, after: str) -> int:
    return len(after.splitlines()) - len(before.splitlines())


def _path(door: Door) -> Path:
    from pluto_duck.catalog.semantics import FILE

    return door.open_session().workspace.root / FILE
