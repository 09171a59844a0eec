"""What `model create` writes, built by the real dbt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pluto_duck.agent.approvals import Approvals
from pluto_duck.agent.keeping import Kept, Origin, propose
from pluto_duck.commands import Door, Rows, each, invoke
from pluto_duck.commands.render import to_text
from pluto_duck.session import Session

pytestmark = pytest.mark.timeout(300)
SQL = """SELECT id, status, '{{ x }} {% y %} {# z #}' AS text -- of {{ all }}
FROM orders o JOIN customers USING (customer_id)
WHERE status <> 'none'"""


def test_what_was_proposed_is_built_tested_and_named_by_ref_from_then_on(session: Session, tmp_path: Path) -> None:
    pytest.importorskip("dbt.adapters.duckdb", reason="dbt is not installed: pip install 'pluto-duck[dbt]'")
    session.query("CREATE TABLE customers (customer_id INTEGER PRIMARY KEY, name VARCHAR);"
                  "INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bo');"
                  "CREATE TABLE orders AS SELECT i AS id, 1 + i % 2 AS customer_id, "
                  "CASE WHEN i % 4 = 0 THEN 'open' ELSE 'it''s shipped' END AS status FROM range(60) t(i)")
    door = Door(lambda: session)
    made = propose(session, Origin(SQL, "Which orders {{ are }} \"there\": all?", "8c1f"), Kept("kept", "incremental"))
    values: list[Any] = list(each(invoke(["approvals", "approve", made.id, "--seen", made.version, "--build"], door)))
    (table,) = [one for one in values if isinstance(one, Rows)]
    assert {row[0]: row[2] for row in table.rows if row[1] == "model"} == {"kept": "ok"}
    tests = [row for row in table.rows if row[1] == "test"]
    assert {row[2] for row in tests} == {"ok"}
    assert {next(kind for kind in ("accepted", "not_null", "unique") if row[0].startswith(kind)) for row in tests} == {
        "accepted", "not_null", "unique"}
    assert session.query("SELECT count(*), min(text), max(text) FROM kept").rows() == [
        (60, "{{ x }} {% y %} {# z #}", "{{ x }} {% y %} {# z #}")]
    told = to_text(invoke(["lineage", "kept"], door))
    assert "made from question" in told
    assert "made from answer" in told
    # By now it is a model: whoever reads it says ref.
    again = propose(session, Origin("SELECT status, count(*) AS n FROM kept GROUP BY ALL"), Kept("by_status"))
    assert "FROM {{ ref('kept') }}" in again.body
    assert again.dry_run == "2 rows; status VARCHAR, n BIGINT"
    # dbt has written nothing that a later proposal would take for a person's change.
    other = propose(session, Origin(SQL.replace("'none'", "'open'")), Kept("kept", "table", replace=True))
    assert not Approvals(session).moved(other)
    assert "-WHERE status <> 'none'" in other.diff
