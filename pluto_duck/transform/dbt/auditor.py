"""What a transaction of dbt's writes, held against checks.yaml before it commits. Lives in dbt's process alone."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from pluto_duck.errors import ChecksFailed, PlutoError
from pluto_duck.governance.checks import TableReport
from pluto_duck.session import Session
from pluto_duck.session.auditing import Expected, audit, keep, keep_failed
from pluto_duck.workspace import TableRef

_NAME = r'(?:"(?:[^"]|"")+"|\w+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|\w+))*'
_RENAMES = re.compile(rf"\balter\s+table\s+({_NAME})\s+rename\s+to\s+({_NAME})", re.IGNORECASE)
_WRITES = re.compile(rf"\b(?:create\s+(?:or\s+replace\s+)?table(?:\s+if\s+not\s+exists)?|insert\s+(?:or\s+\w+\s+)?into|"
                     rf"delete\s+from|merge\s+into|update|copy|truncate(?:\s+table)?)\s+({_NAME})", re.IGNORECASE)


class Auditor:
    """Of one connection. A table that a text only seems to write to is looked at once more, and none is left out: dbt
    brings each of its own in by one of these words."""

    def __init__(self, session: Session, expected: Expected | None) -> None:
        self._session, self._expected = session, expected
        self.written: dict[str, TableRef] = {}

    def heard(self, sql: str) -> None:
        """What is about to run in the transaction."""
        if self._expected is None:
            return
        for old, new in _RENAMES.findall(sql):
            found = _ref(new)
            schema = _ref(old)
            self._note(found if found is None or "." in new or schema is None else TableRef(found.name, schema.schema))
        for name in _WRITES.findall(sql):
            self._note(_ref(name))

    def _note(self, ref: TableRef | None) -> None:
        if ref is not None and self._expected is not None and self._expected.of(ref):
            self.written[ref.key] = ref

    def audit(self) -> list[TableReport]:
        """Before the commit. Raises ChecksFailed."""
        tables, self.written = self.written, {}
        if self._expected is None or not tables or not self._session.in_transaction:
            return []
        there = {one.ref.key for one in self._session.tables(tables.values()) if one.kind == "table"}
        return [audit(self._session, table, self._expected.of(table) or (),
                      tell=self._expected.checks.published(table).on_failure == "tell")
                for key, table in tables.items() if key in there]

    def published(self, reports: Sequence[TableReport]) -> None:
        """After the commit."""
        for report in reports:
            keep(self._session, uuid.uuid4().hex, report)

    def kept(self, error: ChecksFailed) -> ChecksFailed:
        """After the rollback."""
        return keep_failed(self._session, uuid.uuid4().hex, error)


def _ref(text: str) -> TableRef | None:
    """Of a name of up to three parts; the database is ours."""
    from pluto_duck.workspace.tableref import parts

    try:
        found = parts(text)
    except PlutoError:
        return None
    return TableRef(found[-1], found[-2]) if len(found) > 1 else TableRef(found[-1])
