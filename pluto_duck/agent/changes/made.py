"""A view or a table made of a SELECT. What a model wrote is only ever that SELECT, which has passed the Gate.

Lines of comment in front of the SELECT become the comment of what is made.
"""

from __future__ import annotations

import difflib
import itertools
from typing import TYPE_CHECKING

from pluto_duck.errors import Refused
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.literals import encode, to_sql

if TYPE_CHECKING:
    from pluto_duck.agent.approvals import Approval
    from pluto_duck.workspace import Result


class Made:
    def checked(self, session: Session, target: str, body: str) -> tuple[str, str]:
        body = body.strip().rstrip(";").strip()
        session.query(body, read_only=True, max_rows=1, timeout_s=session.settings["agent.timeout_s"])
        return TableRef.parse(target).sql, body

    def before(self, session: Session, target: str) -> str:
        """The statement that made the view of that name. Raises Refused where a table is in the way."""
        ref = TableRef.parse(target)
        there = next((one for one in session.tables([ref]) if one.ref.key == ref.key), None)
        if there is None:
            return ""
        if there.kind == "table":
            raise _in_the_way(there.kind, there.ref)
        rows = session.query("SELECT sql, comment FROM duckdb_views() WHERE database_name = current_database() "
                             "AND schema_name = $schema AND view_name = $name",
                             {"schema": there.ref.schema, "name": there.ref.name}).rows()
        return "".join(str(sql).rstrip().rstrip(";") + _comment("view", there.ref, comment or "")
                       for sql, comment in rows)

    def tried(self, session: Session, one: Approval) -> str:
        """Runs it and rolls it back: its columns, its rows."""
        timeout_s = session.settings["agent.timeout_s"]
        if session.in_transaction:
            raise Refused("A transaction is open: what a change would do can't be tried now.",
                          hint="COMMIT or ROLLBACK first.")
        if one.before and one.kind == "table":
            raise _in_the_way("view", TableRef.parse(one.target))
        name = TableRef.parse(one.target).sql
        session.query("BEGIN TRANSACTION")
        try:
            session.query(self.text(one), timeout_s=timeout_s)
            count = session.query(f"SELECT count(*) FROM {name}", timeout_s=timeout_s).scalar()
            columns = session.query(f"SELECT * FROM {name} LIMIT 0").columns
        finally:
            session.query("ROLLBACK")
        return f"{count:,} rows; " + ", ".join(f"{column.name} {column.type}" for column in columns)

    def sample(self, session: Session, one: Approval, rows: int) -> Result | None:
        return session.query(one.body, read_only=True, max_rows=rows, timeout_s=session.settings["agent.timeout_s"])

    def text(self, one: Approval) -> str:
        again, ref = "OR REPLACE " if one.before else "", TableRef.parse(one.target)
        said, sql = _described(one.body)
        return f"CREATE {again}{one.kind.upper()} {ref.sql} AS {sql}{_comment(one.kind, ref, said)}"

    def rollback(self, one: Approval) -> str:
        if one.before:
            return one.before.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
        return f"DROP {one.kind.upper()} {TableRef.parse(one.target).sql}"

    def diff(self, one: Approval) -> str:
        return "\n".join(difflib.unified_diff(one.before.splitlines(), self.text(one).splitlines(), "now", "proposed",
                                              lineterm=""))

    def moved(self, session: Session, one: Approval) -> bool:
        return self.before(session, one.target) != one.before

    def run(self, session: Session, one: Approval) -> None:
        with session.transaction(one.token):
            session.query(self.text(one))

    def done(self, session: Session, one: Approval) -> bool:
        return bool(session.query("SELECT count(*) FROM _pluto.commits WHERE starts_with(token, $token)",
                                  {"token": one.token}).scalar())


def with_description(sql: str, description: str) -> str:
    return "".join(f"-- {line}\n" for line in description.splitlines()) + sql


def _described(body: str) -> tuple[str, str]:
    """What its first lines say, and the SELECT below them."""
    lines = body.strip().split("\n")
    # DuckDB ends a comment at a carriage return, too: what it would run must not be taken for words.
    said = list(itertools.takewhile(lambda line: line.startswith("--") and "\r" not in line.rstrip("\r"), lines))
    return "\n".join(line.removeprefix("--").strip() for line in said), "\n".join(lines[len(said):])


def _comment(kind: str, ref: TableRef, said: str) -> str:
    return f";\nCOMMENT ON {kind.upper()} {ref.sql} IS {to_sql(encode(said))}" if said else ""


def _in_the_way(kind: str, ref: TableRef) -> Refused:
    return Refused(f"There is a {kind} {ref} already; a proposal never takes the place of a table.",
                   hint="Choose another name.")
