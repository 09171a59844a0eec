"""Models that do not meet checks.yaml are seen by nobody: each is checked in the transaction that builds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pluto_duck.errors import UsageError
from pluto_duck.governance.checks.store import CheckStore
from pluto_duck.session import Session
from pluto_duck.transform.dbt import DbtOptions
from pluto_duck.transform.dbt.auditor import Auditor
from pluto_duck.transform.dbt.running import run_dbt
from pluto_duck.workspace import TableRef

pytestmark = pytest.mark.timeout(300)
CHECKS = """version: 1
tables:
  orders:
    publish: checked
    checks:
      - {sql: amount > 0, name: positive}
  grown:
    publish: checked
    checks:
      - unique: id
"""
MODELS = {
    "orders": "{{ config(materialized='table') }} select 1 as id, {{ var('amount', 5) }} as amount",
    "below": "{{ config(materialized='table') }} select sum(amount) as amount from {{ ref('orders') }}",
    "grown": "{{ config(materialized='incremental') }} select {{ var('id', 1) }} as id",
    "free": "{{ config(materialized='table') }} select {{ var('amount', 5) }} as amount"}


@pytest.fixture
def project(session: Session, tmp_path: Path) -> Path:
    (session.workspace.root / "checks.yaml").write_text(CHECKS, encoding="utf-8")
    folder = tmp_path / "shop"
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: shop\nversion: '1.0'\nprofile: shop\n")
    for name, sql in MODELS.items():
        (folder / "models" / f"{name}.sql").write_text(sql)
    return folder


def build(session: Session, project: Path, variables: str = "", **options: Any) -> dict[str, str]:
    args = ("--vars", variables) if variables else ()
    report = run_dbt(session, DbtOptions("build", project, args, **options))
    assert not report.problem, report.problem
    return {one.name: f"{one.status} {one.message}" for one in report.nodes}


def test_a_model_that_fails_its_checks_stays_as_it_was_and_what_hangs_on_it_is_not_built(
        session: Session, project: Path) -> None:
    assert {one.split()[0] for one in build(session, project).values()} == {"ok"}
    tables = "SELECT o.amount, b.amount, g.n, f.amount FROM orders o, below b, (SELECT count(*) AS n FROM grown) g, free f"
    assert session.query(tables).rows() == [(5, 5, 1, 5)]
    known = CheckStore(session.control)
    assert [one.source for one in known.history(TableRef("orders"), limit=9)] == ["checks"]

    told = build(session, project, "{amount: -1}")  # grown would have id 1 twice, too
    assert told["orders"].startswith("failed")
    assert "positive: 1 of 1 rows" in told["orders"]
    assert told["below"].startswith("skipped")
    assert "unique(id): 1 of 2 rows" in told["grown"]
    assert told["free"].startswith("ok")
    assert session.query(tables).rows() == [(5, 5, 1, -1)]
    held = known.history(TableRef("orders"), limit=1)[0]
    assert (held.source, session.query(held.results[0].sample).rows()) == ("held back", [(1, -1)])

    assert {one.split()[0] for one in build(session, project, "{amount: 7, id: 2}").values()} == {"ok"}
    assert session.query(tables).rows() == [(7, 7, 2, 7)]


def test_every_table_is_checked_where_it_is_asked_for(session: Session, project: Path) -> None:
    file = session.workspace.root / "checks.yaml"
    file.write_text("version: 1\ntables:\n  free:\n    - sql: amount > 0\n")
    assert build(session, project, "{amount: -1}")["free"].startswith("ok")
    assert build(session, project, "{amount: -1}", check=True)["free"].startswith("failed")
    for options in ({"lend": True}, {"own_profile": True}):
        with pytest.raises(UsageError):
            run_dbt(session, DbtOptions("build", project, check=True, **options))
    file.write_text("version: 1\ntables:\n  free:\n    publish: chekced\n")
    with pytest.raises(UsageError, match="line 4"):
        run_dbt(session, DbtOptions("build", project))


@pytest.mark.parametrize(("sql", "found"), [
    ('alter table "w"."raw"."t__dbt_tmp" rename to "t"', "raw.t"), ("create table if not exists W.main.T as select 1", "main.t"),
    ("insert into t (select * from other)", "main.t"), ('DELETE FROM "t" USING x', "main.t"),
    ("create or replace table t as from other", "main.t"), ("COPY t FROM 'seed.csv'", "main.t"), ("select * from t", None), ("create view t as select 1", None)])
def test_what_a_statement_writes_is_known(session: Session, sql: str, found: str | None) -> None:
    from pluto_duck.governance.checks.reading import read
    from pluto_duck.session.auditing import Expected

    checks = read("version: 1\ntables:\n  t:\n    - unique: a\n  raw.t:\n    - unique: a\n")
    auditor = Auditor(session, Expected(checks, True))
    auditor.heard(sql)
    assert list(auditor.written) == ([found] if found else [])
