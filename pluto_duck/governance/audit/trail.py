"""What one request or run leaves behind while it is worked on: the door says who and from where, the Session which
tables, rules and rows. One entry is made of it in the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pluto_duck.governance.audit.entry import OWNER, Decided, Entry, Who

if TYPE_CHECKING:
    from pluto_duck.governance.actor import Actor

_current: ContextVar[Trail | None] = ContextVar("pluto_duck_trail", default=None)


@dataclass
class Trail:
    """Of one deed. Any thread that works for it may note on it: each note is one assignment or one dict entry."""

    who: Who | Callable[[], Who] = OWNER
    """A function where a door does not know at the beginning."""
    via: str = ""
    address: str = ""
    agent: str = ""
    trace: str = ""
    action: str = ""
    run: str = ""
    on: dict[str, None] = field(default_factory=dict)
    rules: dict[str, None] = field(default_factory=dict)
    denied: str = ""
    """Why something was denied."""
    rows: int | None = None
    sql: str = ""
    """The text; never kept as it is."""
    detail: dict[str, Any] = field(default_factory=dict)
    wrote: bool = False
    """Whether something was changed for it."""
    counts: bool = False
    """Whether an entry is made of it in the end: of a run that is not the owner's."""
    begun: float = field(default_factory=time.perf_counter)

    @property
    def whose(self) -> Who:
        return self.who() if callable(self.who) else self.who

    def note(self, *, on: Iterable[str] = (), rules: Iterable[str] = (), rows: int = 0, sql: str = "",
             denied: str = "", action: str = "") -> None:
        """Adds up: several statements may serve one request."""
        for one in on:
            self.on[one] = None
        for one in rules:
            self.rules[one] = None
        if rows:
            self.rows = (self.rows or 0) + rows
        self.sql = sql or self.sql
        self.denied = denied or self.denied
        self.action = action or self.action

    def take(self, noted: Mapping[str, Any]) -> None:
        """What the host tells beside a reply."""
        self.note(on=noted.get("on", ()), rules=noted.get("rules", ()), denied=str(noted.get("denied", "")))

    def share(self, other: Trail, rows: int) -> None:
        """What was found out for several at once; `rows`: this one's part."""
        self.note(on=other.on, rules=other.rules, rows=rows, action=other.action if other.wrote else "")
        self.wrote = self.wrote or other.wrote

    def child(self, action: str, run: str = "") -> Trail:
        """For a run that this request starts: the same actor from the same place."""
        return Trail(self.whose, self.via, self.address, self.agent, self.trace, action, run)

    def entry(self, *, status: str, decision: Decided | None = None, sql: str = "", summary: str = "") -> Entry:
        """`sql` and `summary` as they may be kept."""
        return Entry(
            action=self.action, who=self.whose, via=self.via, on=tuple(self.on),
            decision=decision or ("deny" if self.denied else "allow"),
            rule=self.denied or "; ".join(self.rules), status=status, run=self.run, sql=sql, summary=summary,
            rows=self.rows, ms=(time.perf_counter() - self.begun) * 1_000, address=self.address, agent=self.agent,
            trace=self.trace, detail=self.detail)


def current() -> Trail | None:
    """That of the request or run this thread works for; None outside of any."""
    return _current.get()


def begin(trail: Trail) -> None:
    """From here on, for as long as this task or thread lives."""
    _current.set(trail)


def who_of(actor: Actor | None) -> Who:
    """None is the owner. An actor's id is `key:ID` or `token:ISSUER SUBJECT`."""
    if actor is None:
        return OWNER
    what, _, id = actor.id.partition(":")
    issuer, _, subject = id.rpartition(" ") if what == "token" else ("", "", id)
    return Who(actor.kind, actor.name, subject, issuer, actor.roles or ())


def owners(action: str, /, *on: str, status: str = "", **detail: Any) -> Entry:
    """An act of the owner, from wherever this thread works."""
    trail = _current.get() or Trail(via=_here())
    return Entry(action, trail.whose, trail.via, on, status=status, address=trail.address, agent=trail.agent,
                 trace=trail.trace, detail=detail)


def _here() -> str:
    """The door of code that none has told a trail: a cell's or a shell's."""
    shell = sys.modules.get("IPython")
    return "cell" if shell is not None and shell.get_ipython() is not None else "shell"


@contextmanager
def following(trail: Trail | None) -> Iterator[Trail | None]:
    token = _current.set(trail)
    try:
        yield trail
    finally:
        _current.reset(token)
