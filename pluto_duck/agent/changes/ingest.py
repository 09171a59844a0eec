"""A new table from a source. Before it is approved no source is contacted, and no file outside the workspace read:
the name of a source may itself be a message to somebody."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError, Refused, UsageError
from pluto_duck.ingest import LoadOptions, ingest, plan_load
from pluto_duck.ingest.connections import Connections
from pluto_duck.ingest.connections_address import split
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.blot import blotted

if TYPE_CHECKING:
    from pluto_duck.agent.approvals import Approval

FIELDS = ("source", "connection", "table")
"""Of the body, a JSON object of texts: an address or file, or a saved connection; the table there."""


class Ingest:
    def checked(self, session: Session, target: str, body: str) -> tuple[str, str]:
        wanted = _wanted(body)
        if wanted["connection"]:
            if Connections(session.control, session.workspace).find(wanted["connection"]) is None:
                raise UsageError("There is no saved connection of that name.", hint="Ask the person for its name.")
            if not wanted["table"]:
                raise UsageError("Of a connection one table must be named.", hint='"table": "schema.name"')
        elif blotted(wanted["source"]) != wanted["source"]:
            raise Refused("A proposal must not hold a password.", hint="Save a connection, and name that one.")
        else:
            wanted["source"] = _whole(session, wanted["source"])
        ref = TableRef.parse(target).sql
        self.before(session, ref)
        return ref, json.dumps({name: value for name, value in wanted.items() if value}, ensure_ascii=False)

    def before(self, session: Session, target: str) -> str:
        ref = TableRef.parse(target)
        for one in session.tables([ref]):
            if one.ref.key == ref.key:
                raise Refused(f"There is a {one.kind} {ref} already; a proposal never takes the place of a table.",
                              hint="Choose another name.")
        return ""

    def tried(self, session: Session, one: Approval) -> str:
        path = _file_here(session, _wanted(one.body)["source"])
        if path is None:
            return "not tried: nothing outside the workspace is looked at before you approve"
        try:
            (plan,) = plan_load(session, str(path), _options(one)).tables
        except (PlutoError, ValueError) as error:
            return f"it would fail: {error}"
        if plan.error is not None:
            return f"it would fail: {plan.error.message}"
        rows = "" if plan.row_estimate is None else f"about {plan.row_estimate:,} rows; "
        return rows + ", ".join(f"{column.name} {column.type}" for column in plan.columns)

    def sample(self, session: Session, one: Approval, rows: int) -> None:
        return None

    def text(self, one: Approval) -> str:
        """As a shell would be told."""
        wanted = _wanted(one.body)
        place = ["--from", wanted["connection"]] if wanted["connection"] else [wanted["source"]]
        table = ["--table", wanted["table"]] if wanted["table"] else []
        return shlex.join(["pluto-duck", "ingest", *place, *table, "--into", str(TableRef.parse(one.target))])

    def rollback(self, one: Approval) -> str:
        return f"DROP TABLE {TableRef.parse(one.target).sql}"

    def diff(self, one: Approval) -> str:
        return f"+ table {TableRef.parse(one.target)}"

    def moved(self, session: Session, one: Approval) -> bool:
        return self.before(session, one.target) != one.before

    def run(self, session: Session, one: Approval) -> None:
        wanted = _wanted(one.body)
        source, options = wanted["source"], _options(one)
        if wanted["connection"]:
            known = Connections(session.control, session.workspace)
            found = known.get(wanted["connection"])
            source, options = known.uri(found), _options(one, found.connector)
        try:
            ingest(session, source, options)
        except PlutoError as error:
            raise _without(error, split(source)[1] if wanted["connection"] else None) from error.__cause__

    def done(self, session: Session, one: Approval) -> bool:
        """A load is whole or not at all, and nothing was there when it was approved."""
        ref = TableRef.parse(one.target)
        return any(there.ref.key == ref.key for there in session.tables([ref]))


def _without(error: PlutoError, password: str | None) -> PlutoError:
    """The error, or one like it where a server repeats the password: it is kept in the log of the approval."""
    if not password or password not in f"{error.message} {error.hint} {error.facts}":
        return error
    return type(error)(error.message.replace(password, "***"), hint=error.hint.replace(password, "***"))


def _options(one: Approval, connector: str | None = None) -> LoadOptions:
    table = _wanted(one.body)["table"]
    # append: should somebody make a table of that name in this very moment, nothing of it goes.
    return LoadOptions(tables=(table,) if table else (), into=str(TableRef.parse(one.target)), mode="append",
                       columns="freeze", connector=connector)


def _wanted(body: str) -> dict[str, str]:
    """Raises UsageError for what is no such object."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found.keys() <= set(FIELDS) or not all(
            isinstance(one, str) for one in found.values()):
        raise UsageError("The proposal of a load is a JSON object of texts: source or connection, and table.",
                         hint='{"source": "sales.csv"}')
    wanted = {name: str(found.get(name, "")).strip() for name in FIELDS}
    if bool(wanted["source"]) == bool(wanted["connection"]):
        raise UsageError("Name a source or a saved connection, one of them.")
    return wanted


def _is_address(source: str) -> bool:
    return re.match(r"[A-Za-z][\w+.-]+:", source) is not None


def _whole(session: Session, source: str) -> str:
    """A path from the workspace's folder on: whoever approves it may stand elsewhere."""
    return source if _is_address(source) else str(session.workspace.root / Path(source).expanduser())


def _file_here(session: Session, source: str) -> Path | None:
    """The file of the workspace's folder that a source names; None for every other place."""
    if not source or _is_address(source):
        return None
    root = session.workspace.root.resolve()
    path = Path(source).resolve()
    hidden = path.is_relative_to(session.workspace.folder.resolve())
    return path if path.is_relative_to(root) and not hidden and path.is_file() else None
