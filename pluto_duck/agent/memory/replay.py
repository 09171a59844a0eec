"""A conversation once more, on the data and with the planner of today: what has changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pluto_duck.agent.answer import Answer, Event
from pluto_duck.agent.fingerprint import fingerprint
from pluto_duck.agent.memory.kept import Kept
from pluto_duck.agent.memory.store import Memory
from pluto_duck.agent.memory.verified import PLANNER
from pluto_duck.errors import Cancelled, PlutoError, Refused, TimedOut
from pluto_duck.session import Session


@dataclass(frozen=True)
class Replayed:
    """One turn, then and now."""

    before: Kept
    after: Answer | None
    """None: it failed."""
    changes: tuple[str, ...]
    """In plain words; empty: nothing has."""

    @property
    def question(self) -> str:
        return self.before.answer.question


def replay(session: Session, conversation: str, *, planner: str | None = None,
           on_event: Callable[[Event], None] | None = None) -> Iterator[Replayed]:
    """Turn by turn; nothing of it is kept. `planner`: instead of those that answered then, which
    are asked only as far as the setting agent.planner allows."""
    history: list[Answer] = []
    memory = Memory(session)
    conversation = memory.mine(conversation).id
    versions = session.versions()
    for kept in memory.turns(conversation):
        try:
            after: Answer | None = _again(session, kept, history, planner, on_event)
            fault = ""
        except (Cancelled, TimedOut):
            raise
        except PlutoError as error:
            after, fault = None, " ".join(filter(None, (error.message, error.hint)))
        changes = _changes(kept, after) if after is not None else (f"it fails now: {fault}",)
        moved = sorted(key for key, version in kept.versions.items() if versions.get(key) != version)
        if changes and moved:
            changes = (*changes, f"written to since: {', '.join(one.removeprefix('main.') for one in moved)}")
        yield Replayed(kept, after, changes)
        # What follows is asked after what was said then: one change must not look like many.
        history.append(replace(kept.answer, choices=after.choices if after is not None else kept.answer.choices))


def _again(session: Session, kept: Kept, history: list[Answer], planner: str | None,
           on_event: Callable[[Event], None] | None) -> Answer:
    from pluto_duck.agent.asking import ask
    from pluto_duck.agent.conversing import chosen_of

    then = kept.answer
    if then.chosen and history:
        asked = history[-1]
        number = next((at for at, one in enumerate(asked.choices, 1) if one.text == then.text), 0)
        if not number:
            return replace(then, status="declined", sql="", text="That reading is no longer offered.", result=None)
        return chosen_of(session, asked, number, on_event=on_event)
    return ask(session, then.question, planner=planner or _of_then(session, then), history=history, on_event=on_event)


def _of_then(session: Session, then: Answer) -> str | None:
    """Raises Refused where that asks somebody else than the settings do: what is kept may have come with a folder
    from somebody, and it must neither send anything away nor spend anything."""
    if then.planner in (PLANNER, session.settings["agent.planner"]):
        return None
    if then.planner != "builtin":
        raise Refused(f"It was answered by the planner {then.planner}, which is not the one that is set.",
                      hint=f"--planner {then.planner} asks that one again.")
    return then.planner


def _changes(kept: Kept, after: Answer) -> tuple[str, ...]:
    before, found = kept.answer, []
    if after.status != before.status:
        found.append(f"it was {before.status}, and is {after.status} now")
    if after.sql != before.sql:
        found.append("the SQL is another one")
    elif after.text != before.text:
        found.append("it is put in other words")
    if [one.text for one in after.choices] != [one.text for one in before.choices]:
        found.append("the choices are others")
    if after.assumptions != before.assumptions:
        found.append("the assumptions are others")
    rows = after.result.row_count if after.result is not None and after.result.has_rows else None
    mark = fingerprint(after.result) if after.result is not None and after.result.has_rows else ""
    if rows != kept.row_count and None not in (rows, kept.row_count):
        found.append(f"there were {kept.row_count:,} rows, and are {rows:,} now")
    elif mark != kept.mark and mark and kept.mark:
        found.append("the rows are others")
    return tuple(found)
