"""Schedules, by what they read or build: statements, checks, dbt models; and which tables they load."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pluto_duck.catalog.lineage import Known, Link, Node, Part, links_of
from pluto_duck.catalog.lineage.remembering import Traces
from pluto_duck.errors import UsageError
from pluto_duck.workspace import TableRef

if TYPE_CHECKING:
    from pluto_duck.schedule.model import Schedule

_SELECTORS = ("--select", "-s", "--models", "-m")
_BARE = re.compile(r"[+@\d]*([^+@]+?)[+\d]*")


def timed(schedules: Sequence[Schedule], tables: Sequence[str], models: Mapping[str, str], known: Known,
          traces: Traces) -> Part:
    """`tables`: keys; `models`: the key of each dbt model, seed and snapshot, by its name."""
    nodes: list[Node] = []
    links: list[Link] = []
    for one in schedules:
        id = f"schedule:{one.name}"
        note = "" if one.ours else "not made here: it runs nothing"
        runs = shlex.join(one.wish.args)
        nodes.append(Node(id, "schedule", f"schedule {one.name}", note=note, facts=(
            ("runs", runs if len(runs) <= 100 else runs[:100] + "..."), ("at", f"{one.wish.cron} ({one.wish.zone})"),
            *((("state", "paused"),) if one.paused else ()))))
        for args in filter(None, (one.wish.args, one.wish.only_if)):
            for part in _of(args, id, one.name, tables, models, known, traces):
                nodes += part.nodes
                links += part.links
    return Part(tuple(nodes), tuple(links))


def _of(args: Sequence[str], id: str, name: str, tables: Sequence[str], models: Mapping[str, str], known: Known,
        traces: Traces) -> Iterator[Part]:
    verb, rest = args[0], args[1:]
    if verb in ("query", "export"):
        yield from (_reads(one, id, tables, known, traces) for one in rest if not one.startswith("-"))
    elif verb == "check":
        named = [key for one in rest if (key := _key(one)) in tables]
        yield _tied([f"checks:{key}" for key in named or tables], id)
    elif verb in ("run-dbt", "dbt"):
        yield _tied(_selected(rest, models), id)
    elif verb == "ingest":
        yield Part(tuple(Node(key, "table", key.removeprefix("main."), facts=(("loaded by", f"schedule {name}"),))
                         for place, one in enumerate(rest[:-1]) if one == "--into"
                         and (key := _key(rest[place + 1])) in tables))


def _reads(text: str, id: str, tables: Sequence[str], known: Known, traces: Traces) -> Part:
    if _key(text) in tables:
        return Part(links=(Link(_key(text), id, "schedule", (("*", "*", "same"),)),))  # export orders out.parquet
    traced = traces.of(text, known)
    if not traced.problem:
        return links_of(traced, id, tuple(name for name, _origins in traced.columns), "schedule")
    # No SELECT: whatever goes by the name of a table is read or written, of which columns is not known.
    words = set(re.findall(r"\w+", text.casefold()))
    return Part(links=tuple(Link(key, id, "schedule", whole=True) for key in tables
                            if key.rpartition(".")[2] in words))


def _selected(args: Sequence[str], models: Mapping[str, str]) -> list[str]:
    """By name; what selects in other ways may mean any."""
    wanted: list[str] = []
    selecting = False
    for one in args:
        if one.startswith("-"):
            selecting = one.partition("=")[0] in _SELECTORS
            wanted += one.partition("=")[2].split() if selecting else []
        elif selecting:
            wanted += one.split()
    named = [models[found[1]] for one in wanted if (found := _BARE.fullmatch(one)) and found[1] in models]
    return named if named and len(named) == len(wanted) else list(models.values())


def _tied(keys: Sequence[str], id: str) -> Part:
    """Which columns there are makes no difference to it."""
    return Part(links=tuple(Link(key, id, "schedule") for key in keys))


def _key(text: str) -> str:
    try:
        return TableRef.parse(text).key
    except UsageError:
        return ""


__all__ = ["timed"]
