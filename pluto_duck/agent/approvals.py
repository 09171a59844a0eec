"""Changes that a tool proposed and a person decides: kept in the control store, run at most once, logged.

What a model writes is only ever the SELECT inside, which has passed the Gate; the statement around it is ours.
"""

from __future__ import annotations

import difflib
import getpass
import sqlite3
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from pluto_duck.errors import Refused, StatementError, UnknownName, UsageError, unknown_name
from pluto_duck.runs.liveness import Presence, is_alive
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef

Kind = Literal["view", "table"]
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
)
_ROOM = "approvals"


@dataclass(frozen=True)
class Approval:
    id: str
    kind: Kind
    target: str
    """The view or table, as TableRef.parse reads it."""
    body: str
    """The SELECT that fills it."""
    before: str
    """The statement that made what is there now; empty: nothing is there."""
    dry_run: str
    """What came of it in a transaction that was rolled back."""
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

    @property
    def sql(self) -> str:
        """The whole statement that approving it runs."""
        again = "OR REPLACE " if self.before else ""
        return f"CREATE {again}{self.kind.upper()} {TableRef.parse(self.target).sql} AS {self.body}"

    @property
    def rollback(self) -> str:
        """What takes it back."""
        if self.before:
            return self.before.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
        return f"DROP {self.kind.upper()} {TableRef.parse(self.target).sql}"

    @property
    def diff(self) -> str:
        return "\n".join(difflib.unified_diff(self.before.splitlines(), self.sql.splitlines(), "now", "proposed",
                                              lineterm=""))


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

    # -- proposing --------------------------------------------------------------------------------

    def propose(self, kind: Kind, target: str, body: str, *, question: str, planner: str) -> Approval:
        """Keeps a change for a person to decide; nothing is changed. Raises what the Gate or the dry run says."""
        ref = TableRef.parse(target)
        body, before = self._checked(body), self._there(kind, ref)
        now = self._now()
        made = Approval(uuid.uuid4().hex[:8], kind, ref.sql, body, before, "", question, planner, now,
                        now + self._session.settings["agent.approval_hours"] * 3600, "waiting", uuid.uuid4().hex)
        made = replace(made, dry_run=self._tried(made))
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("INSERT INTO approvals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')", (
                made.id, made.kind, made.target, made.body, made.before, made.dry_run, made.question, made.planner,
                made.created_at, made.expires_at, made.status, made.token))
            self._log(db, made.id, "proposed", planner, made.sql)
        return made

    def _checked(self, body: str) -> str:
        body = body.strip().rstrip(";").strip()
        self._session.query(body, read_only=True, max_rows=1, timeout_s=self._session.settings["agent.timeout_s"])
        return body

    def _there(self, kind: Kind, ref: TableRef) -> str:
        """The statement that made the view of that name; "" for none. Raises Refused where a table is in the way."""
        there = next((one for one in self._session.tables() if one.ref.key == ref.key), None)
        if there is None:
            return ""
        if there.kind == "table" or kind == "table":
            raise Refused(f"There is a {there.kind} {there.ref} already; a proposal never takes the place of a table.",
                          hint="Choose another name.")
        rows = self._session.query("SELECT sql FROM duckdb_views() WHERE database_name = current_database() "
                                   "AND schema_name = $schema AND view_name = $name",
                                   {"schema": there.ref.schema, "name": there.ref.name}).rows()
        return str(rows[0][0]).rstrip().rstrip(";") if rows else ""

    def _tried(self, one: Approval) -> str:
        """Runs it and rolls it back: its columns, its rows."""
        session, timeout_s = self._session, self._session.settings["agent.timeout_s"]
        if session.in_transaction:
            raise Refused("A transaction is open: what a change would do can't be tried now.",
                          hint="COMMIT or ROLLBACK first.")
        name = TableRef.parse(one.target).sql
        session.query("BEGIN TRANSACTION")
        try:
            session.query(one.sql, timeout_s=timeout_s)
            count = session.query(f"SELECT count(*) FROM {name}", timeout_s=timeout_s).scalar()
            columns = session.query(f"SELECT * FROM {name} LIMIT 0").columns
        finally:
            session.query("ROLLBACK")
        return f"{count:,} rows; " + ", ".join(f"{column.name} {column.type}" for column in columns)

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

    # -- deciding ---------------------------------------------------------------------------------

    def approve(self, id: str, who: str = "") -> Approval:
        """Runs it as the owner's own statement, exactly once, whoever else approves it and whatever dies meanwhile.

        Raises Refused for one that is decided, expired, or whose view has changed since; and what running it raises.
        """
        one = self.get(id)
        runs = self._session.workspace.runs
        if one.status not in ("waiting", "running") or (one.status == "running" and is_alive(runs, one.owner)):
            raise _decided(one)
        if one.status == "running" and self._committed(one):  # its process died before it could say so
            return self._moved(one, "done", "found done", who, "")
        if self._there(one.kind, TableRef.parse(one.target)) != one.before:
            raise Refused(f"{one.target} has changed since this was proposed.",
                          hint="Reject it, and ask for it again.")
        presence = Presence(runs)
        try:
            one = self._moved(one, "running", "approved", who, one.sql, presence.owner)
            return self._run(one, who)
        finally:
            presence.leave()

    def _run(self, one: Approval, who: str) -> Approval:
        try:
            with self._session.transaction(one.token):
                self._session.query(one.sql)
        except (StatementError, UnknownName, Refused) as error:
            self._moved(one, "failed", "failed", who, error.message)
            raise
        return self._moved(one, "done", "done", who, "")

    def reject(self, id: str, who: str = "", reason: str = "") -> Approval:
        one = self.get(id)
        if one.status != "waiting":
            raise _decided(one)
        return self._moved(one, "rejected", "rejected", who, reason)

    def edit(self, id: str, body: str, who: str = "") -> Approval:
        """Another SELECT in its place: checked and tried like the first one; it goes on waiting."""
        one = self.get(id)
        if one.status != "waiting":
            raise _decided(one)
        if not body.strip():
            raise UsageError("There is no SQL.")
        changed = replace(one, body=self._checked(body))
        changed = replace(changed, dry_run=self._tried(changed))
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            done = db.execute("UPDATE approvals SET body = ?, dry_run = ? WHERE id = ? AND status = 'waiting'",
                              (changed.body, changed.dry_run, one.id))
            if done.rowcount != 1:
                raise _decided(one)
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
                raise Refused(f"The approval {one.id} was decided or edited by somebody else just now.",
                              hint="Look at it again: approvals show " + one.id)
            self._log(db, one.id, what, who, detail)
        return replace(one, status=to, owner=owner)

    def _committed(self, one: Approval) -> bool:
        return bool(self._session.query("SELECT count(*) FROM _pluto.commits WHERE starts_with(token, $token)",
                                        {"token": one.token}).scalar())

    def _expire(self) -> None:
        late = self._control.read(_ROOM, MIGRATIONS).execute(
            "SELECT id FROM approvals WHERE status = 'waiting' AND expires_at <= ?", (self._now(),)).fetchall()
        for row in late:
            with self._control.connection(_ROOM, MIGRATIONS) as db:
                if db.execute("UPDATE approvals SET status = 'expired' WHERE id = ? AND status = 'waiting'",
                              (row["id"],)).rowcount:
                    self._log(db, row["id"], "expired", "", "")

    def _log(self, db: sqlite3.Connection, id: str, what: str, who: str, detail: str) -> None:
        db.execute("INSERT INTO approval_log (approval, at, what, who, detail) VALUES (?, ?, ?, ?, ?)",
                   (id, self._now(), what, who or _user(), detail))




def _decided(one: Approval) -> Refused:
    said = {"expired": "has expired", "running": "is being run"}.get(one.status, f"is {one.status} already")
    return Refused(f"The approval {one.id} {said}.", hint="Ask for it again." if one.status == "expired" else "")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "?"
