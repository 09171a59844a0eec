"""What dbt's tests and source freshness found stands in the history of checks, by table, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pluto_duck.commands import Door, Formatted, invoke
from pluto_duck.errors import PlutoError, UsageError
from pluto_duck.governance.checks.store import CheckStore
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef

SCHEMA = """
sources:
  - name: raw
    schema: main
    tables:
      - name: orders
        config:
          loaded_at_field: seen
          freshness: {error_after: {count: 1, period: hour}}
        columns:
          - name: id
            data_tests:
              - unique
              - not_null
          - name: status
            data_tests:
              - accepted_values:
                  arguments: {values: [open]}
                  config: {severity: warn}
"""


def taken(door: Door, project: Path) -> list[dict[str, object]]:
    value = invoke(["check", "dbt", "--project", str(project), "--format", "json"], door)
    assert isinstance(value, Formatted)
    rows = value.value
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.rows]  # type: ignore[attr-defined]


def run(door: Door, project: Path, *words: str) -> None:
    try:
        list(invoke(["run-dbt", *words, "--project", str(project)], door))  # type: ignore[call-overload]
    except PlutoError:
        pass  # its tests fail, as they should


def test_tests_and_freshness_of_a_real_run_are_taken_over_once(session: Session, tmp_path: Path) -> None:
    session.query("CREATE TABLE orders AS SELECT * FROM (VALUES (1, 'open'), (1, 'lost')) t(id, status), "
                  "(SELECT TIMESTAMP '2020-01-01' AS seen)")
    project = tmp_path / "shop"
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text("name: shop\nversion: '1.0'\nprofile: shop\n")
    (project / "models" / "schema.yml").write_text(SCHEMA)
    door = Door(lambda: session, kind="notebook")
    with pytest.raises(UsageError, match="left no results"):
        taken(door, project)
    run(door, project, "test")
    run(door, project, "source")
    assert len(CheckStore(session.control).history(TableRef("orders"), limit=10)) == 2, "by themselves"
    found = {str(one["check"]): one for one in taken(door, project)}
    assert {(one["dimension"], one["status"], one["failing"]) for one in found.values()} == {
        ("uniqueness", "failed", 1), ("completeness", "passed", 0), ("conformity", "warned", 1),
        ("timeliness", "failed", None)}
    assert {one["table"] for one in found.values()} == {"orders"}
    assert {one["is"] for one in found.values()} == {"known"}
    fresh, tests = CheckStore(session.control).history(TableRef("orders"), limit=10)
    assert (fresh.source, fresh.score, tests.source, tests.score) == ("dbt freshness", 0, "dbt", 42.9)
    failed = next(one for one in tests.results if one.status == "failed")
    assert session.query(failed.sample).row_count == 1
    assert next(one for one in tests.results if one.status == "passed").sample == ""
    # Of a dbt that ran elsewhere it is taken by hand.
    results = project / "target" / "run_results.json"
    results.write_text(results.read_text().replace(tests.run_id, "of-a-terminal"))
    assert [one["is"] for one in taken(door, project)].count("new") == 3
    assert {one["is"] for one in taken(door, project)} == {"known"}


@pytest.mark.parametrize("text", ["[]", "{", '"x"'])
def test_what_dbt_would_not_write_is_told(session: Session, tmp_path: Path, text: str) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: shop\n")
    (tmp_path / "target" / "manifest.json").write_text(json.dumps({"nodes": {}}))
    (tmp_path / "target" / "run_results.json").write_text(text)
    with pytest.raises(UsageError, match="not what dbt writes"):
        taken(Door(lambda: session, kind="notebook"), tmp_path)
