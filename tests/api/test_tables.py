"""Tables, workspaces, health."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pluto_duck import __version__


async def test_tables_are_listed_with_a_link_to_each(client: Any, jp_base_url: str) -> None:
    await client.sql('create table "odd name" (i int); create schema raw; create view raw.v as select 1 as one')
    listed = json.loads((await client("tables")).body)
    assert [(one["schema"], one["name"], one["kind"], one["column_count"]) for one in listed["tables"]] == [
        ("main", "odd name", "table", 1), ("raw", "v", "view", 1)]
    assert listed["tables"][0]["links"]["self"] == f"{jp_base_url}api/v1/tables/odd%20name"
    assert listed["tables"][1]["links"]["self"] == f"{jp_base_url}api/v1/tables/raw.v"


@pytest.mark.parametrize("name", ["odd.name", "a/b", 'quote"d', "ünïcode", "select", " space "])
async def test_the_link_of_an_oddly_named_table_leads_to_it(
        client: Any, http_server_client: Any, jp_auth_header: dict[str, str], name: str) -> None:
    await client.sql('create table "' + name.replace('"', '""') + '" (i int)')
    link = json.loads((await client("tables")).body)["tables"][0]["links"]["self"]
    answer = await http_server_client.fetch(link, headers=jp_auth_header)
    assert json.loads(answer.body)["name"] == name


async def test_a_table_is_described_with_columns_and_keys(client: Any) -> None:
    await client.sql("create table planes (tailnum text primary key, seats int); "
                     "create table flights (id int, tailnum text references planes (tailnum))")
    planes = json.loads((await client("tables", "PLANES")).body)
    assert planes["columns"] == [{"name": "tailnum", "type": "VARCHAR", "nullable": False, "comment": ""},
                                 {"name": "seats", "type": "INTEGER", "nullable": True, "comment": ""}]
    assert planes["primary_key"] == ["tailnum"]
    flights = json.loads((await client("tables", "main.flights")).body)
    assert flights["foreign_keys"] == [{"columns": ["tailnum"], "table": "planes", "referenced": ["tailnum"]}]
    assert flights["workspace"] == "workspace"


async def test_a_write_moves_the_version_of_its_table(client: Any) -> None:
    await client.sql("create table t (i int)")
    before = json.loads((await client("tables", "t")).body)["version"]
    await client.sql("insert into t values (1)")
    assert json.loads((await client("tables", "t")).body)["version"] > before


async def test_health_answers_without_opening_the_database(client: Any, workspace: Any) -> None:
    assert json.loads((await client("health")).body) == {"status": "ok", "version": __version__}
    assert not workspace.database.exists()


class TestElsewhere:
    @pytest.fixture
    def jp_root_dir(self, tmp_path: Path) -> Path:
        (tmp_path / "plain").mkdir()
        return tmp_path / "plain"

    async def test_a_server_outside_any_workspace_serves_the_personal_one(self, client: Any, tmp_path: Path) -> None:
        listed = json.loads((await client("workspaces")).body)["workspaces"]
        assert [one["folder"] for one in listed] == [str(tmp_path / "home")]
