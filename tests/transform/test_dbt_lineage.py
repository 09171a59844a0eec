"""What a manifest tells of where models come from; a real build is followed in test_examples.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pluto_duck.catalog.lineage import Lineage, impact
from pluto_duck.commands.lineage import whole
from pluto_duck.session import Session


def node(kind: str, name: str, *above: str, sql: str = "", **more: Any) -> dict[str, Any]:
    return {"resource_type": kind, "name": name, "schema": "main", "database": "workspace", "compiled_code": sql,
            "depends_on": {"nodes": list(above)}, "columns": {}, "config": {"materialized": "table"},
            "original_file_path": f"{kind}s/{name}.sql", **more}


NODES = {
    "seed.p.raw": node("seed", "raw", original_file_path="seeds/raw.csv"),
    "model.p.hidden": node("model", "hidden", "seed.p.raw", config={"materialized": "ephemeral"}),
    "model.p.made": node("model", "made", "model.p.hidden", sql='with h as (select * from "workspace"."main"."raw") '
                         'select id, n + 1 as m from h where id > (select max(id) from "workspace"."main"."made")'),
    "model.p.py": node("model", "py", "model.p.made", language="python", compiled_code="def model(dbt, s): ..."),
    "model.p.parsed": node("model", "parsed", "model.p.hidden", sql=""),
    "model.p.far": node("model", "far", "model.p.made", database="other", sql='select m from "workspace"."main"."made"'),
    "snapshot.p.snap": node("snapshot", "snap", "model.p.made"),
    "test.p.t1": node("test", "t1", "model.p.made", attached_node="model.p.made"),
}
EXPOSURES = {"exposure.p.board": {"name": "board", "label": "The board", "type": "dashboard", "url": "https://b.example",
                                  "owner": {"name": "Ann"}, "depends_on": {"nodes": ["model.p.py"]}}}


def project(session: Session, manifest: object, name: str = "p") -> Path:
    folder = session.workspace.root / name
    (folder / "target").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: p\n")
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    (folder / "target/manifest.json").write_text(text)
    return folder


def built(session: Session) -> Lineage:
    session.query("CREATE TABLE raw AS SELECT 1 AS id, 2 AS n; CREATE TABLE made AS SELECT 1 AS id, 3 AS m;"
                  "CREATE TABLE py AS SELECT 1 AS k; CREATE TABLE snap AS SELECT 1 AS id, 3 AS m, 'x' AS dbt_scd_id")
    folder = project(session, {"nodes": NODES, "sources": {}, "exposures": EXPOSURES})
    (folder / "target/run_results.json").write_text(json.dumps({"results": [
        {"unique_id": "model.p.made", "status": "error"}]}))
    return whole(session)


def _names(branches: Any) -> list[str]:
    return [f"{one.node.name}.{one.column}" if one.column else one.node.name for one in branches]


def test_columns_of_models_are_followed_by_their_compiled_sql(session: Session) -> None:
    found = built(session)
    up = found.around("main.made", "m", down=False).up
    assert (_names(up), _names(up[0].branches)) == (["raw.n"], ["seeds/raw.csv.n"])
    assert _names(found.around("main.snap", "m", down=False).up) == ["made.m"]
    assert found.nodes["main.made"].facts == (("dbt", "model p.made, table"), ("tests", "1"), ("last run", "error"))


def test_where_there_is_no_sql_dbts_own_graph_tells_the_tables(session: Session) -> None:
    found = built(session)
    assert _names(found.around("main.py", "k", down=False).up) == ["made"]
    assert _names(found.around("main.parsed", down=False).up) == ["raw"], "through a model that is no table"
    assert found.nodes["main.parsed"].note == "dbt has not built it here"
    assert _names(found.around("main.py", up=False).down) == ["The board"]
    assert dict(found.nodes["exposure.p.board"].facts) == {"kind": "dashboard", "owner": "Ann", "url": "https://b.example"}


def test_a_model_of_another_database_is_no_table_of_ours(session: Session) -> None:
    found = built(session)
    assert "main.far" not in found.nodes
    assert "elsewhere:other.main.far" in {one.below for one in found.below("main.made")}


def test_impact_goes_on_through_models(session: Session) -> None:
    said = {one.node.name: one.what for one in impact(built(session), "main.raw", "n").effects}
    assert said == {"made": "fails next", "py": "stale", "snap": "stale", "The board": "stale",
                    "elsewhere:other.main.far": "stale", "parsed": "may break"}


def test_a_manifest_that_is_none_is_passed_over(session: Session) -> None:
    session.query("CREATE TABLE raw AS SELECT 1 AS id")
    for i, text in enumerate(("", "[1]", "{", '{"nodes": {"a": 3}}', '{"nodes": {"m": {"resource_type": "model"}}}')):
        project(session, text, f"p{i}")
    assert "main.raw" in whole(session).nodes
