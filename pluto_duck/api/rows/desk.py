"""Requests that wait together become one call: reads by key one statement, inserts one commit.

Only those of one actor, on one table: each other's rows and errors are nothing that two actors share.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pluto_duck.errors import PlutoError, Refused, UnknownName
from pluto_duck.governance.audit.trail import Trail, current, following
from pluto_duck.session.rows.model import TextsFound

if TYPE_CHECKING:
    from pluto_duck.api.app import PlutoDuckApp
    from pluto_duck.api.places import Place
    from pluto_duck.governance import Actor
    from pluto_duck.session import TableRef
    from pluto_duck.session.rows import Change, Changed, Found

K = TypeVar("K", bound=Hashable)
I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741

MOST = 256
"""Requests in one call."""
READING = 2
"""Turns of the event loop from bytes that have come to a request that waits: those who were answered together ask
again together (7.5 instead of 4.8 of 8 in one call)."""


class Together(Generic[K, I, O]):
    """While a call of a group is under way the next ones of that group gather; touched on the event loop only."""

    def __init__(self, app: PlutoDuckApp, work: Callable[[K, list[I]], Sequence[O | PlutoError]]) -> None:
        self._app, self._work = app, work
        self._waiting: dict[K, list[tuple[I, Trail | None, Callable[[O | BaseException], None]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, group: K, item: I) -> O:
        answer: asyncio.Future[O] = asyncio.get_running_loop().create_future()

        def arrived(outcome: O | BaseException) -> None:
            if answer.done():
                return  # who asked is gone
            if isinstance(outcome, BaseException):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        self.put(group, item, current(), arrived)
        return await answer

    def put(self, group: K, item: I, trail: Trail | None, arrived: Callable[[O | BaseException], None]) -> None:
        """`arrived` is told on the event loop, and raises nothing."""
        waiting = self._waiting.get(group)
        if waiting is not None:
            waiting.append((item, trail, arrived))
            return
        self._waiting[group] = [(item, trail, arrived)]
        task = asyncio.ensure_future(self._run(group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, group: K) -> None:
        while self._waiting[group]:
            for _ in range(READING):
                await asyncio.sleep(0)
            waiting = self._waiting[group]
            some, self._waiting[group] = waiting[:MOST], waiting[MOST:]
            told = Trail()  # of all of them: each takes its part
            try:
                with following(told):
                    outcomes = await self._app.in_thread(self._work, group, [item for item, _trail, _arrived in some])
            except BaseException as error:
                for _item, trail, arrived in some:
                    if trail is not None:
                        trail.share(told, 0)
                        trail.note(denied=told.denied)
                    arrived(_own(error))
                if not isinstance(error, Exception):
                    raise
                continue
            for (_item, trail, arrived), outcome in zip(some, outcomes, strict=True):
                if trail is not None:
                    trail.share(told, _rows_of(outcome))
                    if isinstance(outcome, Refused):
                        trail.note(denied=told.denied or outcome.message)
                arrived(outcome)
        del self._waiting[group]


def _rows_of(outcome: Any) -> int:
    if isinstance(outcome, PlutoError):
        return 0
    return sum(one.affected for one in outcome) if isinstance(outcome, list) else 1


def _own(error: BaseException) -> BaseException:
    """One that is raised in several places would grow its traceback."""
    if isinstance(error, PlutoError):
        return type(error)(error.message, hint=error.hint, **error.facts)
    return error


@dataclass(frozen=True)
class Row:
    """One row as its address shows it."""

    body: bytes
    tag: str
    version: int


class Asked:
    """Which rows a group of requests is about: compared by who asks, the table and the columns."""

    def __init__(self, who: str, actor: Actor | None, table: TableRef, columns: tuple[str, ...] | None = None,
                 change: str = "") -> None:
        """`change`: its kind; what may be one deed and not another is judged, and recorded, by itself."""
        self.actor, self.table, self.columns = actor, table, columns
        self._same = (who, table, columns, change)
        self._hash = hash(self._same)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Asked) and self._same == other._same

    def __hash__(self) -> int:
        return self._hash


class Desk:
    """Of one place."""

    def __init__(self, app: PlutoDuckApp, place: Place) -> None:
        self._place = place
        self.reads: Together[Asked, tuple[str, ...], Row] = Together(app, self._read)
        self.writes: Together[Asked, tuple[list[Change], str], list[Changed]] = Together(app, self._write)

    def _read(self, asked: Asked, keys: list[tuple[str, ...]]) -> list[Row | PlutoError]:
        distinct = list(dict.fromkeys(keys))
        found = self._place.actors.ask(
            asked.actor, lambda session: session.texts_by_key(asked.table, distinct, asked.columns))
        rows = _of_texts(found) if isinstance(found, TextsFound) else _of_arrow(found)
        made: dict[tuple[str, ...], Row | PlutoError] = {
            key: row or found.errors.get(i) or missing(asked.table, key)
            for i, (key, row) in enumerate(zip(distinct, rows, strict=True))}
        return [_own_of(made[key]) for key in keys]

    def _write(self, asked: Asked, groups: list[tuple[list[Change], str]]) -> list[list[Changed] | PlutoError]:
        return self._place.actors.ask(asked.actor, lambda session: session.change_each(
            [changes for changes, _token in groups], tokens=[token for _changes, token in groups], texts=True))


def _of_texts(found: TextsFound) -> list[Row | None]:
    return [None if one is None else Row(one[0].encode(), one[1], found.version) for one in found.rows]


def _of_arrow(found: Found) -> list[Row | None]:
    from pluto_duck.api.rows.forms import objects
    from pluto_duck.session.rows.tags import tags

    rows = [json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode() for one in objects(found.result)]
    marks = tags(found.result.arrow(), found.result.columns)
    return [None if at is None else Row(rows[at], marks[at], found.version) for at in found.at]


def _own_of(outcome: Row | PlutoError) -> Row | PlutoError:
    if isinstance(outcome, PlutoError):
        return type(outcome)(outcome.message, hint=outcome.hint, **outcome.facts)
    return outcome


def missing(table: Any, key: Sequence[str]) -> UnknownName:
    return UnknownName(f"There is no row {','.join(key)[:100]} in {table}.", kind="row", table=str(table))
