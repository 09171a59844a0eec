"""Changes that a tool proposed and a person decides: kept in the control store, run at most once, logged.

What each kind of change checks, tries, runs and takes back is told in `changes/`.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pluto_duck.agent.changes import Kind, change_of
from pluto_duck.errors import Cancelled, Outdated, PlutoError, Refused, UsageError, WorkspaceError, unknown_name
from pluto_duck.governance.audit import Chain, owners
from pluto_duck.governance.seal import is_sealed, seal
from pluto_duck.runs.liveness import Presence, is_alive
from pluto_duck.session import Session
from pluto_duck.workspace import Result

Status = Literal["waiting", "running", "done", "failed", "rejected", "expired"]

MIGRATIONS = (
    """CREATE TABLE approvals (
        id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, body TEXT NOT NULL,
        before TEXT NOT NULL, dry_run TEXT NOT NULL, question TEXT NOT NULL, planner TEXT NOT NULL,
        created_at REAL NOT NULL, expires_at REAL NOT NULL, status TEXT NOT NULL, token TEXT NOT NULL,
        owner TEXT NOT NULL)""",
    """CREATE TABLE approval_log (
        number INTEGER PRIMARY KEY, approval TEXT NOT NULL, at REAL NOT NULL, what TEXT NOT NULL, who TEXT NOT NULL,
        detail TEXT NOT NULL)""",
    "ALTER TABLE approvals ADD COLUMN mark TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE approvals ADD COLUMN proposer TEXT NOT NULL DEFAULT ''",
)
_ROOM = "approvals"
SAMPLE_ROWS = 5


@dataclass(frozen=True)
class Approval:
    id: str
    kind: Kind
    target: str
    """The view or table, as TableRef.parse reads it; the place in semantics.yaml; the file of a dbt model."""
    body: str
    """What was proposed, and may be edited: a SELECT; of a load and a semantic entry a JSON object; of a model its
    files, each below a line with its name."""
    before: str
    """What is there now: a view's statement, the text of semantics.yaml; empty: nothing."""
    dry_run: str
    """What came of it in a trial that left nothing behind."""
    question: str
    planner: str
    created_at: float
    expires_at: float
    """Seconds since 1970."""
    status: Status
    token: str
    """What its commit is known by."""
    owner: str = ""
    """The process that runs it, while it runs."""
    mark: str = ""
    """The seal on what is run and taken back: this user's, on this machine."""
    proposer: str = ""
    """Whose question it came from, by `Actor.identity`; "" for the owner's."""

    @property
    def sql(self) -> str:
        """What approving it runs: a statement, a load as a shell is told of it, the lines of an entry."""
        return change_of(self.kind).text(self)

    @property
    def version(self) -> str:
        """Names this text of it: whoever decides says which one they saw."""
        return hashlib.sha256(json.dumps(_parts(self)).encode()).hexdigest()[:12]

    @property
    def rollback(self) -> str:
        """What takes it back."""
        return change_of(self.kind).rollback(self)

    @property
    def diff(self) -> str:
        return change_of(self.kind).diff(self)


@dataclass(frozen=True)
class Entry:
    at: float
    what: str
    who: str
    detail: str


class Approvals:
    """Those of one workspace. `now`: seconds since 1970."""

    def __init__(self, session: Session, now: Callable[[], float] = time.time) -> None:
        self._session, self._control, self._now = session, session.control, now
        self._audit = Chain(session.workspace, self._control)
        self._audit.reading()  # its tables are there before the transactions that write to them

    @property
    def session(self) -> Session:
        return self._session

    # -- proposing --------------------------------------------------------------------------------

    def propose(self, kind: Kind, target: str, body: str, *, question: str, planner: str,
                proposer: str | None = None) -> Approval:
        """Keeps a change for a person to decide; nothing is changed. Raises what the Gate or the dry run says.
        `proposer`: for whom the owner's session does it; None: whose session it is."""
        change, now = change_of(kind), self._now()
        target, body = change.checked(self._session, target, body)
        asker = self._session.actor
        if proposer is None:
            proposer = asker.identity if asker is not None else ""
        made = Approval(uuid.uuid4().hex[:8], kind, target, body, change.before(self._session, target), "", question,
                        planner, now, now + self._session.settings["agent.approval_hours"] * 3600, "waiting",
                        uuid.uuid4().hex, proposer=proposer)
        made = self._sealed(replace(made, dry_run=change.tried(self._session, made)))
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("INSERT INTO approvals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?)", (
                made.id, made.kind, made.target, made.body, made.before, made.dry_run, made.question, made.planner,
                made.created_at, made.expires_at, made.status, made.token, made.mark, made.proposer))
            self._log(db, made.id, "proposed", planner, made.sql)
        return made

    # -- looking ----------------------------------------------------------------------------------

    def all(self, *, waiting: bool = False) -> list[Approval]:
        """Newest first."""
        self._expire()
        rows = self._control.read(_ROOM, MIGRATIONS).execute(
            "SELECT * FROM approvals ORDER BY created_at DESC, id").fetchall()
        found = [Approval(**dict(row)) for row in rows]
        return [one for one in found if one.status == "waiting" or not waiting]

    def get(self, id: str) -> Approval:
        """By its id or the beginning of it. Raises UnknownName."""
        there = self.all()
        found = [one for one in there if one.id == id] or [one for one in there if id and one.id.startswith(id)]
        if len(found) != 1:
            raise unknown_name("approval", id, [one.id for one in there])
        return found[0]

    def log(self, id: str) -> list[Entry]:
        """What happened to it, in order."""
        rows = self._control.read(_ROOM, MIGRATIONS).execute(
            "SELECT at, what, who, detail FROM approval_log WHERE approval = ? ORDER BY number", (id,)).fetchall()
        return [Entry(*row) for row in rows]

    def moved(self, one: Approval) -> bool:
        """It waits, and what it was made for has changed since."""
        if one.status != "waiting":
            return False
        try:
            return change_of(one.kind).moved(self._session, one)
        except PlutoError:  # something is in the way by now
            return True

    def sample(self, one: Approval, rows: int = SAMPLE_ROWS) -> Result | None:
        """A few rows of what waits and was proposed here, as they are now; None where there are none to show. They are
        the owner's to see."""
        if one.status != "waiting" or not is_sealed(self._session.workspace, one.mark, *_parts(one)):
            return None
        try:
            return change_of(one.kind).sample(self._session, one, rows)
        except PlutoError:
            return None

    def last(self, ids: Sequence[str]) -> dict[str, Entry]:
        """What happened last to each of these."""
        rows = self._control.read(_ROOM, MIGRATIONS).execute(
            f"SELECT approval, at, what, who, detail FROM approval_log WHERE number IN (SELECT max(number) FROM "
            f"approval_log WHERE approval IN ({', '.join('?' * len(ids))}) GROUP BY approval)", tuple(ids)).fetchall()
        return {row["approval"]: Entry(*row[1:]) for row in rows}

    def mark(self) -> int:
        """Grows whenever one is proposed, edited, decided or expires."""
        self._expire()
        row = self._control.read(_ROOM, MIGRATIONS).execute("SELECT max(number) FROM approval_log").fetchone()
        return int(row[0] or 0)

    # -- deciding ---------------------------------------------------------------------------------

    def approve(self, id: str, seen: str, who: str = "") -> Approval:
        """Runs it as the owner's own, exactly once, whoever else approves it and whatever dies meanwhile.

        `seen`: the `version` of the text that was looked at. Raises Outdated where it is another one by now, Refused
        for one that is decided, expired, or whose place has changed since; and what running it raises.
        """
        one = self.get(id)
        change = change_of(one.kind)
        runs = self._session.workspace.runs
        if one.status not in ("waiting", "running") or (one.status == "running" and is_alive(runs, one.owner)):
            raise _decided(one)
        self._must_be_ours(one)
        must_be_seen(one, seen)
        if one.status == "running" and change.done(self._session, one):  # its process died before it could say so
            return self._moved(one, "done", "found done", who, "")
        if change.moved(self._session, one):
            raise Refused(f"{one.target} has changed since this was proposed.",
                          hint="Reject it, and ask for it again.")
        presence = Presence(runs)
        try:
            one = self._moved(one, "running", "approved", who, one.sql, presence.owner)
            return self._run(one, who)
        finally:
            presence.leave()

    def _run(self, one: Approval, who: str) -> Approval:
        change = change_of(one.kind)
        try:
            change.run(self._session, one)
        except Cancelled:
            if not change.done(self._session, one):  # a commit may have gone through all the same
                self._moved(one, "waiting", "stopped", who, "")
                raise
        except PlutoError as error:
            if isinstance(error, WorkspaceError):
                raise  # nobody knows what became of it: whoever approves it again finds out
            self._moved(one, "failed", "failed", who, error.message)
            raise
        return self._moved(one, "done", "done", who, "")

    def reject(self, id: str, who: str = "", reason: str = "") -> Approval:
        one = self.get(id)
        if one.status != "waiting":
            raise _decided(one)
        gone = self._moved(one, "rejected", "rejected", who, reason)
        self._let_go(gone)
        return gone

    def _let_go(self, one: Approval) -> None:
        """Of what is kept for one until it is decided."""
        dropped = getattr(change_of(one.kind), "dropped", None)
        if dropped is not None and not self._session.in_transaction:
            dropped(self._session, one)

    def edit(self, id: str, body: str, who: str = "", *, seen: str | None = None) -> Approval:
        """Another body in its place: checked and tried like the first one; it goes on waiting.

        `seen`: as in `approve`; None: whichever text is there.
        """
        one = self.get(id)
        if one.status != "waiting":
            raise _decided(one)
        if one.kind == "publish":
            raise UsageError("What was held back is published as it is, or not at all.",
                             hint="Reject it, and load what you want instead.")
        if not body.strip():
            raise UsageError("There is no SQL.")
        self._must_be_ours(one)
        if seen is not None:
            must_be_seen(one, seen)
        change = change_of(one.kind)
        changed = replace(one, body=change.checked(self._session, one.target, body)[1])
        changed = self._sealed(replace(changed, dry_run=change.tried(self._session, changed)))
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            done = db.execute("UPDATE approvals SET body = ?, dry_run = ?, mark = ? WHERE id = ? AND status = "
                              "'waiting' AND body = ?", (changed.body, changed.dry_run, changed.mark, one.id, one.body))
            if done.rowcount != 1:
                raise _overtaken(one)
            self._log(db, one.id, "edited", who, changed.sql)
        return changed

    def _moved(self, one: Approval, to: Status, what: str, who: str, detail: str,
               owner: str = "") -> Approval:
        """From the state it was seen in, or not at all: of two who decide at once one comes too late."""
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            # Its text, too: nobody may approve what somebody else has just edited.
            done = db.execute("UPDATE approvals SET status = ?, owner = ? WHERE id = ? AND status = ? AND body = ?"
                              " AND owner = ? AND (status <> 'waiting' OR expires_at > ?)",
                              (to, owner, one.id, one.status, one.body, one.owner, self._now()))
            if done.rowcount != 1:
                raise _overtaken(one)
            self._log(db, one.id, what, who, detail)
        return replace(one, status=to, owner=owner)

    def _sealed(self, one: Approval) -> Approval:
        return replace(one, mark=seal(self._session.workspace, *_parts(one)))

    def _must_be_ours(self, one: Approval) -> None:
        """A folder from somebody else may bring proposals that nobody here has asked for, and no Gate has seen."""
        if not is_sealed(self._session.workspace, one.mark, *_parts(one)):
            raise Refused(f"The approval {one.id} was not proposed here: it came with the folder, or the folder was "
                          "moved since.", hint="Reject it, and ask for it again.")

    def _expire(self) -> None:
        late = self._control.read(_ROOM, MIGRATIONS).execute(
            "SELECT * FROM approvals WHERE status = 'waiting' AND expires_at <= ?", (self._now(),)).fetchall()
        for row in late:
            self._let_go(Approval(**dict(row)))
            with self._control.connection(_ROOM, MIGRATIONS) as db:
                if db.execute("UPDATE approvals SET status = 'expired' WHERE id = ? AND status = 'waiting'",
                              (row["id"],)).rowcount:
                    self._log(db, row["id"], "expired", "", "")

    def _log(self, db: sqlite3.Connection, id: str, what: str, who: str, detail: str) -> None:
        db.execute("INSERT INTO approval_log (approval, at, what, who, detail) VALUES (?, ?, ?, ?, ?)",
                   (id, self._now(), what, who or _user(), detail))
        if what not in ("proposed", "expired"):
            self._audit.append_in(db, [owners(f"approval.{what}", f"approval:{id}", by=who or _user())])


def _parts(one: Approval) -> tuple[str, ...]:
    return ("approval", one.id, one.kind, one.target, one.body, one.before, one.token,
            *([one.proposer] if one.proposer else []))


def must_be_seen(one: Approval, seen: str) -> None:
    """Raises Outdated where the text that was looked at is not the one that is there."""
    if seen != one.version:
        raise Outdated(f"The approval {one.id} was edited after you looked at it: nothing was changed.",
                       hint="Read what it runs now, then decide.", version=one.version)


def _overtaken(one: Approval) -> Outdated:
    return Outdated(f"The approval {one.id} was decided or edited by somebody else just now.",
                    hint="Look at it again: approvals show " + one.id)


def _decided(one: Approval) -> Refused:
    said = {"expired": "has expired", "running": "is being run"}.get(one.status, f"is {one.status} already")
    return Refused(f"The approval {one.id} {said}.", hint="Ask for it again." if one.status == "expired" else "")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "?"
