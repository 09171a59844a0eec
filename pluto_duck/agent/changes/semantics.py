"""An entry more in semantics.yaml. Nothing that stands there is changed, and comments stay."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

from pluto_duck.agent.memory.semantic_file import NEW, change, text_of
from pluto_duck.catalog import Catalog
from pluto_duck.catalog.semantics import FILE, Semantics
from pluto_duck.catalog.semantics.binding import bound
from pluto_duck.catalog.semantics.nodes import Unreadable
from pluto_duck.catalog.semantics.reading import parse
from pluto_duck.catalog.semantics.writing import added
from pluto_duck.errors import Refused, UsageError
from pluto_duck.session import Session

if TYPE_CHECKING:
    from pluto_duck.agent.approvals import Approval

SECTIONS = ("tables", "metrics", "terms", "joins")
"""Not `questions`: those are vouched for by people."""
MAX_ENTRY = 4_000


class EditSemantics:
    """`target`: `metrics.revenue`, or `joins`; the body: what it says, as a JSON object."""

    def checked(self, session: Session, target: str, body: str) -> tuple[str, str]:
        path = _path(target)
        value = _value(body)
        now = text_of(session.workspace)
        after = _added(now, path, value)
        if after == (now or NEW):
            raise Refused(f"{FILE} says something about {target} already.", hint="Change it by hand.")
        faults = _faults(session, now, after)
        if faults:
            raise UsageError(f"That does not fit the tables: {faults[0]}", hint="Mend the entry.")
        return ".".join(path), json.dumps(value, ensure_ascii=False)

    def before(self, session: Session, target: str) -> str:
        return text_of(session.workspace)

    def tried(self, session: Session, one: Approval) -> str:
        after = parse(_added(one.before, _path(one.target), _value(one.body)))
        counts = ", ".join(f"{len(getattr(after, name))} {name}" for name in SECTIONS if getattr(after, name))
        return f"it fits the tables; {FILE} would have {counts}"

    def sample(self, session: Session, one: Approval, rows: int) -> None:
        return None

    def text(self, one: Approval) -> str:
        """The lines that would be added."""
        return "\n".join(line[1:] for line in self.diff(one).splitlines()
                         if line.startswith("+") and not line.startswith("+++"))

    def rollback(self, one: Approval) -> str:
        return f"take these lines out of {FILE} again:\n{self.text(one)}"

    def diff(self, one: Approval) -> str:
        after = _added(one.before, _path(one.target), _value(one.body))
        return "\n".join(difflib.unified_diff(one.before.splitlines(), after.splitlines(), FILE, "proposed",
                                              lineterm="", n=2))

    def moved(self, session: Session, one: Approval) -> bool:
        """An entry is added to whatever stands there, unless that has come to speak of it."""
        return self.done(session, one)

    def run(self, session: Session, one: Approval) -> None:
        path, value = _path(one.target), _value(one.body)
        faults = _faults(session, text_of(session.workspace), _added(text_of(session.workspace), path, value))
        if faults:
            raise Refused(f"That does not fit the tables any more: {faults[0]}", hint="Reject it.")

        def meant(before: Semantics, after: Semantics) -> bool:
            more = all(set(map(repr, getattr(before, name))) <= set(map(repr, getattr(after, name)))
                       for name in (*SECTIONS[1:], "questions"))
            return more and len(after.problems) <= len(before.problems)

        change(session.workspace, lambda text: _added(text, path, value), meant)

    def done(self, session: Session, one: Approval) -> bool:
        now = text_of(session.workspace)
        return _added(now, _path(one.target), _value(one.body)) == (now or NEW)


def _path(target: str) -> tuple[str, ...]:
    section, _, name = target.strip().partition(".")
    name = name.strip()
    if section not in SECTIONS or bool(name) == (section == "joins"):
        raise UsageError(f"{target!r} is no place in {FILE}.",
                         hint="tables.NAME, metrics.NAME, terms.NAME or joins.")
    return (section, name) if name else (section,)


def _value(body: str) -> Any:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not found or len(body) > MAX_ENTRY or not _plain(found):
        raise UsageError("An entry is a JSON object of texts, lists and objects.",
                         hint='{"table": "orders", "expression": "sum(amount)"}')
    return found


def _plain(value: Any, depth: int = 0) -> bool:
    if isinstance(value, dict):
        return depth < 6 and all(isinstance(key, str) and _plain(one, depth + 1) for key, one in value.items())
    if isinstance(value, list):
        return depth < 6 and all(_plain(one, depth + 1) for one in value)
    return isinstance(value, str | bool)


def _added(text: str, path: tuple[str, ...], value: Any) -> str:
    """Raises UsageError where the file can't be read."""
    try:
        return added(text or NEW, path, [value] if path == ("joins",) else value)
    except Unreadable as error:
        raise UsageError(f"{FILE} can't be read: {error.text}", hint="Mend the file first.") from None


def _faults(session: Session, before: str, after: str) -> list[str]:
    """What the file would say wrongly of the tables, and does not yet."""
    tables = Catalog.of(session).tables

    def bind(sql: str) -> None:
        session.query(sql, read_only=True, timeout_s=session.settings["agent.timeout_s"])

    def told(text: str) -> dict[tuple[str, str], str]:
        said, _tables = bound(parse(text), tables, bind)
        return {(one.where, one.text): one.text for one in said.problems if one.level == "broken"}

    known = told(before)
    return [text for place, text in told(after).items() if place not in known]
