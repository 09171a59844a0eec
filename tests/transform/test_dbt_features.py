"""What projects use of dbt: packages, hooks, contracts, python, snapshots, seeds, increments, variables; and no network."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pluto_duck.session import Session
from pluto_duck.transform.dbt import DbtOptions, run_dbt
from pluto_duck.transform.dbt.telling import failure
from pluto_duck.workspace import TableRef
from tests.events.replay import counts, journal, replayed, table
from tests.transform.test_dbt import by_name, rows, write

pytestmark = pytest.mark.timeout(300)
WATCHED = """
import os, sys
def heard(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        with open(os.environ["SOCKETS"], "a") as file:
            file.write(f"{event} {args[0] if event == 'socket.getaddrinfo' else args[1]!r}\\n")
sys.addaudithook(heard)
"""
PROJECT = {
    "dbt_project.yml": """
name: shop
profile: shop
flags: {send_anonymous_usage_stats: true}
vars: {least: 0}
on-run-start: ["create table if not exists hooked (what varchar)", "insert into hooked values ('start')"]
on-run-end: ["insert into hooked values ('{{ results | length }} results')"]
models: {+materialized: table}
""",
    "profiles.yml": """
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: elsewhere.duckdb, schema: main}
    prod: {type: postgres, host: nowhere.invalid, port: 5432, user: me, password: secret, dbname: shop, schema: prod}
""",
    "packages.yml": "packages: [{local: vendor/kit}]\n",
    "vendor/kit/dbt_project.yml": "name: kit\n",
    "vendor/kit/macros/kit.sql": "{% macro doubled(what) %}({{ what }}) * 2{% endmacro %}",
    "dbt_packages/kit/dbt_project.yml": "name: kit\n",
    "dbt_packages/kit/macros/kit.sql": "{% macro doubled(what) %}({{ what }}) * 2{% endmacro %}",
    "seeds/regions.csv": "code,name\n1,north\n2,south\n",
    "models/doubled.sql": "{{ config(pre_hook=\"insert into hooked values ('before')\", post_hook=\"insert into hooked "
                          "select 'after ' || count(*) from {{ this }}\") }} "
                          "select id, {{ kit.doubled('amount') }} as twice from main.orders where id >= {{ var('least') }}",
    "models/promised.sql": "select id, amount from main.orders",
    "models/broken_promise.sql": "select id, amount::varchar as amount from main.orders",
    "models/arrowed.py": "def model(dbt, session):\n    dbt.config(materialized='table')\n"
                         "    return dbt.ref('promised').aggregate('sum(amount) as total')\n",
    "models/framed.py": "def model(dbt, session):\n    import pandas\n    found = dbt.ref('promised').df()\n"
                        "    return pandas.DataFrame({'total': [int(found['amount'].sum())]})\n",
    "models/merged.sql": "{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }} "
                         "select id, amount from main.orders",
    "models/replaced.sql": "{{ config(materialized='incremental', unique_key='id', incremental_strategy='delete+insert') }} "
                           "select id, amount from main.orders",
    "models/appended.sql": "{{ config(materialized='incremental', incremental_strategy='append') }} "
                           "select id, amount from main.orders {% if is_incremental() %} "
                           "where id > (select max(id) from {{ this }}) {% endif %}",
    "models/schema.yml": """
models:
  - name: promised
    config: {contract: {enforced: true}}
    columns: [{name: id, data_type: bigint, constraints: [{type: not_null}]}, {name: amount, data_type: bigint}]
  - name: broken_promise
    config: {contract: {enforced: true}, tags: [broken]}
    columns: [{name: id, data_type: bigint}, {name: amount, data_type: bigint}]
""",
    "snapshots/was.yml": "snapshots: [{name: was, relation: ref('promised'), config: {unique_key: id, strategy: check, "
                         "check_cols: [amount]}}]\n",
}
TRACKED = ("doubled", "merged", "replaced", "appended", "was")


@pytest.fixture
def sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where dbt's process writes down whatever it connects to."""
    (tmp_path / "watched").mkdir()
    (tmp_path / "watched/sitecustomize.py").write_text(WATCHED)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'watched'}:{Path(__file__).parents[2]}")
    monkeypatch.setenv("SOCKETS", str(tmp_path / "sockets.txt"))
    return tmp_path / "sockets.txt"


def test_what_projects_use_of_dbt_works_and_nothing_leaves_the_machine(session: Session, tmp_path: Path, sockets: Path) -> None:
    project = tmp_path / "shop"
    write(project, PROJECT)
    session.query("CREATE TABLE orders AS SELECT range AS id, range * 10 AS amount FROM range(10)")
    first = run_dbt(session, DbtOptions(project=project, args=("--vars", "{least: 2}")))
    nodes = by_name(first)
    assert {one.name for one in first.failed} == {"broken_promise"}, (first.problem, first.failed)
    assert "contract" in nodes["broken_promise"].message
    assert "amount" in nodes["broken_promise"].message
    assert rows(session, "SELECT min(id), sum(twice) FROM doubled") == [(2, 880)]
    assert rows(session, "FROM arrowed") == rows(session, "FROM framed") == [(450,)]
    assert rows(session, "SELECT count(*) FROM regions") == [(2,)]
    hooked = [str(row[0]) for row in rows(session, "FROM hooked")]
    assert hooked[0] == "start"
    assert {"before", "after 8"} < set(hooked)
    assert hooked[-1].endswith(" results")
    assert not list(tmp_path.glob("**/elsewhere.duckdb")), "a profile's path is not the workspace's"
    said = sockets.read_text().splitlines()
    assert said, "the connection to the host at least"
    assert all(".sock" in line and line.startswith("socket.connect") for line in said), said

    # A key makes a rebuilt table's rows comparable; increments are what dbt's own statements do.
    for name in TRACKED[:3]:
        session.query(f"ALTER TABLE {name} ADD PRIMARY KEY (id)")
    for name in TRACKED:
        session.track(TableRef(name), full_row=name in TRACKED[3:])
    versions = session.versions()
    bases = {name: table(session, TableRef(name)) for name in TRACKED}
    session.query("UPDATE orders SET amount = 55 WHERE id = 5; INSERT INTO orders VALUES (10, 100); "
                  "DELETE FROM orders WHERE id = 9")
    second = run_dbt(session, DbtOptions(project=project, target="prod", args=(
        "--exclude", "tag:broken", "framed", "arrowed", "resource_type:seed", "--vars", "{least: 2}")))
    assert second.ok, (second.problem, second.failed)
    assert {one.name for one in second.nodes} == {"promised", *TRACKED, *(
        one.name for one in second.nodes if one.kind == "operation")}
    assert session.versions()["main.regions"] == versions["main.regions"]
    for name in TRACKED:
        assert session.versions()[f"main.{name}"] > versions[f"main.{name}"], name
        assert replayed(session, TableRef(name), bases[name]).rows == table(session, TableRef(name)), name
    ops = {name: Counter(one["op"] for one in journal(session, TableRef(name))) for name in TRACKED}
    assert ops == {"doubled": {"u": 1, "d": 1, "c": 1}, "merged": {"u": 1, "c": 1}, "appended": {"c": 1},
                   "replaced": {"d": 9, "c": 10}, "was": {"d": 1, "c": 3}}, "what dbt's statements did, and no more"
    counts(session)


def test_a_profile_of_its_own_builds_where_it_says_and_docs_tell_of_the_workspace(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    project = tmp_path / "tiny"
    write(project, {"dbt_project.yml": "name: shop\n", "models/made.sql": "select 7 as a, '{{ target.name }}' as target",
                    "ours/profiles.yml": PROJECT["profiles.yml"]})
    own = DbtOptions("run", project=project, own_profile=True, args=(
        "--profiles-dir", str(project / "ours"), "--profile", "shop"))
    report = run_dbt(session, own)
    assert report.ok, (report.problem, report.failed)
    assert (tmp_path / "elsewhere.duckdb").is_file()
    assert not session.tables()

    if importlib.util.find_spec("dbt.adapters.postgres") is None:
        missing = run_dbt(session, replace(own, args=(*own.args, "-t", "prod")))
        assert "postgres" in missing.problem
        told = failure(missing, "tiny")
        assert told is not None
        assert "Install dbt's adapter" in told.hint

    built = run_dbt(session, DbtOptions("docs", project=project))
    assert built.ok, built.problem
    assert json.loads((project / "target/catalog.json").read_text())["errors"] is None
