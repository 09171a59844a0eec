"""Data in and out through the panel's frames: DataFrames, sizes, loads, files, exports."""

from __future__ import annotations

import base64
import gzip
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.panel.desk import Desk
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.panel.test_desk import Sidebar, ended
from tests.services.postgres import Database, PrivatePostgres, new_database

CSV = "id,name,amount\n1,Ann,10.5\n2,Bob,oops\n3,Cid,7.25\n"


class DataSidebar(Sidebar):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.names: dict[str, Any] = {}
        self.desk.close()
        self.desk = Desk(lambda: str(folder), push=self.pushed.put, namespace=lambda: self.names)

    def table(self, key: str) -> dict[str, Any] | None:
        [found] = self.ask("tables")
        return next((one for one in found["tables"] if one["key"] == key), None)


@pytest.fixture
def sidebar(workspace: Workspace) -> Iterator[DataSidebar]:
    with Session.open(workspace.root):
        made = DataSidebar(workspace.root)
        yield made
        made.desk.close()


def test_dataframes_are_tables_too(sidebar: DataSidebar) -> None:
    import pandas
    import pyarrow

    sidebar.names |= {"routes": pandas.DataFrame({"origin": ["EWR", "JFK", "EWR"], "miles": [719, 2586, 1400]}),
                      "arrow": pyarrow.table({"x": [1, 2]}), "text": "no frame", "_hidden": pandas.DataFrame({"a": [1]})}
    [found] = sidebar.ask("tables")
    assert [(one["name"], one["kind"], one["rows"]) for one in found["tables"]] == [("arrow", "frame", 2), ("routes", "frame", 3)]
    routes = found["tables"][1]
    assert [(one["name"], one["type"]) for one in routes["columns"]] == [("origin", "VARCHAR"), ("miles", "BIGINT")]
    assert routes["bytes"] > 0
    [rows] = sidebar.ask("rows", table="frame:routes", order=[{"column": "miles", "descending": True}], limit=1,
                         filters=[{"column": "origin", "op": "=", "value": "EWR"}])
    assert rows["rows"] == [["EWR", 1400]]
    assert rows["more"]
    *columns, last = sidebar.ask("profile", table="frame:routes")
    assert columns[0]["column"]["top"][0] == {"value": "EWR", "count": 2}
    assert last["table"] == "frame:routes"
    [error] = sidebar.ask("rows", table="frame:route")
    assert "routes" in error["hint"]


def test_a_table_hides_a_frame_of_its_name_and_new_frames_are_told(sidebar: DataSidebar, workspace: Workspace) -> None:
    import pandas

    sidebar.ask("hello", version="0")
    sidebar.names["Orders"] = pandas.DataFrame({"a": [1]})
    while (told := sidebar.pushed.get(timeout=30))["op"] != "changed":
        pass  # what runs is told, too
    assert told["tables"] == ["frame:Orders"]
    assert sidebar.table("frame:Orders")
    with Session.open(workspace.root) as other:
        other.query("CREATE TABLE orders (a INTEGER)")
    assert sidebar.table("frame:Orders") is None


def test_a_frame_that_sql_can_not_take_is_listed_all_the_same(sidebar: DataSidebar) -> None:
    import pandas

    sidebar.names["odd"] = pandas.DataFrame({"a": [1, object()]})
    assert sidebar.table("frame:odd") is not None
    [found] = sidebar.ask("rows", table="frame:odd")
    assert found.get("code") != "internal"


def test_sizes_are_about_what_the_file_gives_them(sidebar: DataSidebar, workspace: Workspace) -> None:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE large AS SELECT hash(i) AS a, hash(-i) AS b FROM range(500_000) AS r(i)")
        session.query("CREATE TABLE little AS SELECT i, 'x' AS t FROM range(3000) AS r(i)")
        session.query("""CREATE TABLE "we'i""rd" AS SELECT 1 AS a""")
        session.query("CREATE VIEW seen AS SELECT * FROM large")
        session.query("CHECKPOINT")
    [found] = sidebar.ask("sizes")
    assert 8_000_000 < found["sizes"]["main.large"] < 10_000_000  # 8 bytes of noise a value
    assert 0 < found["sizes"]["main.little"] <= 524_288
    assert "main.seen" not in found["sizes"]


def test_a_file_is_found_looked_at_loaded_and_loaded_again(sidebar: DataSidebar, workspace: Workspace) -> None:
    folder = workspace.root / "data"
    folder.mkdir()
    (folder / "people.csv").write_text(CSV.replace("oops", "8"))
    (folder / "notes.txt.bak").write_text("no table")
    [found] = sidebar.ask("files")
    assert [(one["name"], one["kind"]) for one in found["files"]] == [("data", "folder")]
    [found] = sidebar.ask("files", folder="data")
    assert [one["path"] for one in found["files"]] == ["data/people.csv"]

    [plan] = sidebar.ask("discover", source="data/people.csv")
    [table] = plan["tables"]
    assert (table["into"], table["action"]) == ("people", "create")
    assert [(one["name"], one["type"]) for one in table["columns"]] == [("id", "BIGINT"), ("name", "VARCHAR"), ("amount", "DOUBLE")]
    assert sidebar.table("main.people") is None, "a look writes nothing"

    *progress, last = sidebar.ask("load", source="data/people.csv", options={"into": "staff"})
    assert [one["op"] for one in progress] == ["progress"] * len(progress)
    assert (last["op"], last["rows"], last["tables"][0]["key"]) == ("loaded", 3, "main.staff")

    (folder / "people.csv").write_text("id,name,amount\n9,Zoe,1.5\n")
    *_, last = sidebar.ask("reload", table="main.staff")
    assert last["rows"] == 1
    [rows] = sidebar.ask("rows", table="main.staff")
    assert rows["rows"] == [[9, "Zoe", 1.5]]
    [history] = sidebar.ask("loads")
    assert [(one["name"], one["state"], one["rows"], one["again"]) for one in history["loads"]] == [
        ("staff", "succeeded", 1, True), ("staff", "succeeded", 3, False)]
    [found] = sidebar.ask("tables")
    assert found["sources"] == [{"kind": "load", "name": str(folder / "people.csv"), "address": str(folder / "people.csv"),
                                 "tables": 1}]


def test_a_row_that_can_not_be_read_is_named_or_kept_aside(sidebar: DataSidebar, workspace: Workspace) -> None:
    (workspace.root / "people.csv").write_text(CSV)
    *_, error = sidebar.ask("load", source="people.csv", options={"cast": {"amount": "DOUBLE"}})
    assert (error["op"], error["code"]) == ("error", "unknown_name")  # not an option of the sidebar's
    rows = "".join(f"{i},n{i},{i}.5\n" for i in range(30_000))
    (workspace.root / "people.csv").write_text(f"id,name,amount\n{rows}1,Ann,oops\n")
    *_, error = sidebar.ask("load", source="people.csv")
    assert error["op"] == "error"
    assert "30002" in error["message"].replace(",", "")
    assert error["hint"]
    assert sidebar.table("main.people") is None
    *_, done = sidebar.ask("load", source="people.csv", options={"rejects": "keep"})
    [table] = done["tables"]
    assert (table["rows"], table["rejected"], table["rejects"]) == (30_000, 1, "main.people_rejects")
    [kept] = sidebar.ask("rows", table="main.people_rejects")
    assert "oops" in str(kept["rows"])
    [history] = sidebar.ask("loads")
    assert [(one["state"], one["rejected"]) for one in history["loads"]] == [("succeeded", 1), ("failed", 0)]
    assert history["loads"][1]["error"]


def test_options_may_be_written_as_in_a_shell(sidebar: DataSidebar, workspace: Workspace) -> None:
    (workspace.root / "people.csv").write_text(CSV.replace("oops", "8"))
    [plan] = sidebar.ask("discover", source="people.csv", words="--cast amount=VARCHAR --skip name")
    assert [(one["name"], one["type"]) for one in plan["tables"][0]["columns"]] == [("id", "BIGINT"), ("amount", "VARCHAR")]
    *_, done = sidebar.ask("load", source="people.csv", words="--key id --limit 2", options={"mode": "merge"})
    assert (done["rows"], done["tables"][0]["mode"]) == (2, "merge")
    for words in ("--nonsense", "--key 'id", "--help", "people.csv", "--limit many"):
        [error] = sidebar.ask("discover", source="people.csv", words=words)
        assert (error["op"], error["code"]) == ("error", "usage"), words
        assert error["hint"]


def test_postgres_is_looked_at_chosen_from_and_loaded(sidebar: DataSidebar, database: Database) -> None:
    database.run("CREATE TABLE orders (id int PRIMARY KEY, at timestamptz)",
                    "INSERT INTO orders SELECT i, now() FROM generate_series(1, 250) AS r(i)", "CREATE TABLE other (a int)")
    [plan] = sidebar.ask("discover", source=database.uri)
    assert [one["name"] for one in plan["tables"]] == ["orders", "other"]
    assert plan["tables"][0]["primary_key"] == ["id"]
    *progress, done = sidebar.ask("load", source=database.uri, options={"tables": ["orders"], "into": "bookings"})
    assert (done["rows"], [one["name"] for one in done["tables"]]) == (250, ["bookings"])
    assert progress[-1]["done"]
    database.run("INSERT INTO orders VALUES (251, now())")
    *_, done = sidebar.ask("reload", table="main.bookings")
    assert done["rows"] == 251


def test_a_password_is_in_no_frame_and_in_no_record(sidebar: DataSidebar, workspace: Workspace,
                                                    postgres_with_password: PrivatePostgres) -> None:
    from pluto_duck.ingest.connections_address import split

    db_with_password = new_database(postgres_with_password)
    db_with_password.run("CREATE TABLE orders (id int)", "INSERT INTO orders VALUES (1)")
    address, password = split(db_with_password.uri)
    assert password
    replies = sidebar.ask("discover", source=address, password=password)
    assert replies[-1]["op"] == "discovered"
    replies += sidebar.ask("load", source=address, password=password, options={"into": "a"})
    assert replies[-1]["op"] == "loaded"
    replies += sidebar.ask("load", source=db_with_password.uri, options={"into": "b"})
    replies += sidebar.ask("loads") + sidebar.ask("tables")
    wrong = sidebar.ask("discover", source=address, password="wr0ng-pass")
    assert wrong[-1]["facts"]["reason"] == "password"
    again = sidebar.ask("reload", table="main.a")
    assert again[-1]["op"] == "error"  # nobody knows it any more
    replies += again + sidebar.ask("reload", table="main.a", password=password)
    assert replies[-1]["op"] == "loaded"
    assert password not in str(replies)
    assert "wr0ng-pass" not in str(wrong)
    sidebar.desk.close()
    for file in workspace.root.rglob("*"):
        if file.is_file():
            assert password.encode() not in file.read_bytes(), file


def test_a_load_that_is_stopped_leaves_nothing(sidebar: DataSidebar, workspace: Workspace) -> None:
    with (workspace.root / "long.csv").open("w") as file:
        file.write("a,b\n")
        for at in range(0, 3_000_000, 1000):
            file.write("".join(f"{i},text {i}\n" for i in range(at, at + 1000)))
    number, replies = sidebar.send("load", source="long.csv")
    first = replies.get(timeout=60)
    if first["op"] == "progress" and not first["done"]:
        sidebar.ask("cancel", target=number)
    last = ended(replies)[-1]
    assert last["code"] == "cancelled"
    assert sidebar.table("main.long") is None
    [history] = sidebar.ask("loads")
    assert [one["state"] for one in history["loads"]] == ["cancelled"]


def test_a_file_comes_up_in_parts(sidebar: DataSidebar, workspace: Workspace) -> None:
    data = CSV.encode()
    [first] = sidebar.ask("upload", name="../../people.csv", at=0, data=base64.b64encode(data[:20]).decode())
    assert (first["path"], first["size"]) == ("", 20)
    assert not (workspace.root / "uploads" / "people.csv").exists()
    [error] = sidebar.ask("upload", name="people.csv", at=7, data="")
    assert error["op"] == "error"
    [last] = sidebar.ask("upload", name="people.csv", at=20, data=base64.b64encode(data[20:]).decode(), last=True)
    assert last["path"] == "uploads/people.csv"
    before = (workspace.root / "uploads" / "people.csv").read_bytes()
    assert (workspace.root / last["path"]).read_bytes() == data
    assert [one.name for one in (workspace.root / "uploads").iterdir()] == ["people.csv"]
    for data, path in ((b"a,b\n9,9\n", "people-2.csv"), (b"a\n", "people-3.csv"), (b"a,b\n9,9\n", "people-2.csv")):
        [again] = sidebar.ask("upload", name="people.csv", at=0, data=base64.b64encode(data).decode(), last=True)
        assert again["path"] == f"uploads/{path}"
        assert (workspace.root / "uploads" / path).read_bytes() == data
    assert (workspace.root / "uploads" / "people.csv").read_bytes() == before, "nothing is replaced"
    for one in ("people-2.csv", "people-3.csv"):
        (workspace.root / "uploads" / one).unlink()
    sidebar.ask("upload", name="b.csv", at=0, data="")
    sidebar.ask("upload", name="b.csv", at=0, stop=True)
    assert [one.name for one in (workspace.root / "uploads").iterdir()] == ["people.csv"]


def test_what_lies_ready_in_uploads_leads_nowhere_else(sidebar: DataSidebar, workspace: Workspace,
                                                        tmp_path_factory: Any) -> None:
    victim = tmp_path_factory.mktemp("elsewhere") / "profile"
    victim.write_text("mine")
    uploads = workspace.root / "uploads"
    uploads.mkdir()
    (uploads / ".a.csv.part").symlink_to(victim)
    (uploads / "a.csv").symlink_to(victim)
    data = base64.b64encode(CSV.encode()).decode()
    [done] = sidebar.ask("upload", name="a.csv", data=data, last=True)
    assert done["path"] == "uploads/a.csv"
    assert victim.read_text() == "mine"
    assert (uploads / "a.csv").read_text() == CSV
    assert not (uploads / "a.csv").is_symlink()
    (uploads / "a.csv").unlink()
    uploads.rmdir()
    uploads.symlink_to(workspace.root)
    toml = workspace.toml.read_text()
    [error] = sidebar.ask("upload", name="pluto.toml", data=data, last=True)
    assert (error["code"], workspace.toml.read_text()) == ("refused", toml)


@pytest.mark.root
def test_a_disk_that_fills_up_keeps_no_part_of_a_file(sidebar: DataSidebar, workspace: Workspace) -> None:
    uploads = workspace.root / "uploads"
    uploads.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(uploads)], check=True)
    try:
        data = base64.b64encode(b"x" * 40_000).decode()
        assert sidebar.ask("upload", name="a.csv", data=data)[0]["size"] == 40_000
        [error] = sidebar.ask("upload", name="a.csv", at=40_000, data=data)
        assert (error["op"], "No space left" in error["message"]) == ("error", True)
        assert list(uploads.iterdir()) == []
    finally:
        subprocess.run(["umount", str(uploads)], check=True)


@pytest.mark.parametrize("target", ["pluto.toml", "policy.yaml", "out/../ingest.toml", "semantics.yaml"])
def test_rows_never_take_the_place_of_what_rules_the_workspace(sidebar: DataSidebar, workspace: Workspace,
                                                               target: str) -> None:
    path = workspace.root / Path(target).name
    path.write_text("# mine")
    error = sidebar.ask("export", sql="SELECT 1 AS a", target=target, format="csv", overwrite=True)[-1]
    assert (error["op"], error["code"]) == ("error", "refused")
    assert path.read_text() == "# mine"


@pytest.mark.parametrize(("op", "content"), [
    ("files", {"folder": ".."}), ("files", {"folder": "/etc"}), ("export", {"table": "main.t", "target": "../t.csv"}),
    ("export", {"table": "main.t", "target": "link/t.csv"}), ("upload", {"name": ""}), ("upload", {"name": ".profile"}),
    ("export", {"table": "main.t", "format": "postgres"}), ("upload", {"name": "a.csv", "data": "%%"}),
    ("discover", {"source": ""}), ("load", {"source": "nothing.csv"}), ("reload", {"table": "main.t"}),
    ("load", {"source": "x.csv", "options": {"parallel": 900}}), ("load", {"source": ".pluto-duck/control.sqlite"}),
    ("discover", {"source": "records.sqlite"}), ("discover", {"source": "x" * 5_000}), ("files", {"folder": "x" * 5_000}),
    ("export", {"table": "main.t", "target": "x" * 300 + ".csv"}), ("discover", {"source": "http://[::1"}),
    ("discover", {"source": "postgresql://" + "a" * 5_000}), ("load", {"source": "x.csv", "options": {"tables": 5}}),
])
def test_what_makes_no_sense_or_leads_out_is_refused(sidebar: DataSidebar, workspace: Workspace, tmp_path_factory: Any,
                                                     op: str, content: dict[str, Any]) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (workspace.root / "link").symlink_to(elsewhere)
    (workspace.root / "records.sqlite").symlink_to(workspace.control)
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t AS SELECT 1 AS a")
    error = sidebar.ask(op, **content)[-1]
    assert (error["op"], error["code"] != "internal") == ("error", True)
    assert error["hint"] or error["code"] == "unknown_name"
    assert list(elsewhere.iterdir()) == []


def test_rows_go_out_as_a_file_or_to_the_browser(sidebar: DataSidebar, workspace: Workspace) -> None:
    import pandas
    import pyarrow.parquet

    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t AS SELECT i AS a, 'n' || i AS b FROM range(1000) AS r(i)")
    *_, done = sidebar.ask("export", table="main.t", target="out/t.csv.gz")
    assert (done["target"], done["rows"]) == ("out/t.csv.gz", 1000)
    assert gzip.decompress((workspace.root / "out" / "t.csv.gz").read_bytes()).startswith(b"a,b\n0,n0\n")
    *_, error = sidebar.ask("export", table="main.t", target="out/t.csv.gz")
    assert error["op"] == "error"
    parts = [one for one in sidebar.ask("export", table="main.t", format="parquet") if one["op"] == "part"]
    data = b"".join(bytes(one["buffers"][0]) for one in parts)
    assert pyarrow.parquet.read_table(io.BytesIO(data)).num_rows == 1000
    parts = sidebar.ask("export", sql="SELECT a FROM t WHERE a < 2 ORDER BY a", format="csv")
    assert b"".join(bytes(one["buffers"][0]) for one in parts[:-1]) == b"a\n0\n1\n"
    sidebar.names["df"] = pandas.DataFrame({"x": [5]})
    parts = sidebar.ask("export", table="frame:df", format="json")
    assert b'"x":5' in b"".join(bytes(one["buffers"][0]) for one in parts[:-1])


def test_an_address_of_the_web_and_other_databases_are_places_too(sidebar: DataSidebar, workspace: Workspace,
                                                                  tmp_path: Path) -> None:
    import functools
    import http.server
    import sqlite3
    import threading

    import duckdb

    (tmp_path / "trips.csv").write_text("a,b\n1,x\n2,y\n")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        *_, done = sidebar.ask("load", source=f"http://127.0.0.1:{server.server_port}/trips.csv")
        assert [(one["name"], one["rows"]) for one in done["tables"]] == [("trips", 2)]
    finally:
        server.shutdown()
        server.server_close()
    with duckdb.connect(str(workspace.root / "other.duckdb")) as other:
        other.execute("CREATE TABLE kept AS SELECT 1 AS a")
    lite = sqlite3.connect(workspace.root / "other.sqlite")
    lite.executescript("CREATE TABLE notes (t TEXT); INSERT INTO notes VALUES ('n');")
    lite.close()
    [found] = sidebar.ask("files")
    assert [(one["name"], one["kind"]) for one in found["files"] if one["kind"] == "database"] == [
        ("other.duckdb", "database"), ("other.sqlite", "database")]
    for source, name in (("other.duckdb", "kept"), ("other.sqlite", "notes")):
        [plan] = sidebar.ask("discover", source=source)
        assert [one["name"] for one in plan["tables"]] == [name]
        *_, done = sidebar.ask("load", source=source)
        assert [(one["name"], one["rows"]) for one in done["tables"]] == [(name, 1)]


def test_an_address_is_kept_under_a_name(sidebar: DataSidebar, database: Database) -> None:
    database.run("CREATE TABLE orders (id int)", "INSERT INTO orders VALUES (1)")
    [kept] = sidebar.ask("remember", name="shop", source=database.uri)
    assert kept["name"] == "shop"
    [found] = sidebar.ask("connections")
    assert [one["name"] for one in found["connections"]] == ["shop"]
    *_, done = sidebar.ask("load", connection="shop", options={"tables": ["orders"], "into": "orders"})
    assert done["rows"] == 1
    [tables] = sidebar.ask("tables")
    assert [(one["kind"], one["name"], one["tables"]) for one in tables["sources"]] == [("connection", "shop", 1)]
    [error] = sidebar.ask("remember", name="shop", source=database.uri)
    assert "already" in error["message"]


def test_an_answer_about_a_dataframe_is_opened_as_a_grid(sidebar: DataSidebar) -> None:
    import pandas

    sidebar.names["routes"] = pandas.DataFrame({"origin": ["EWR", "JFK", "EWR"], "miles": [719, 2586, 1400]})
    answer = sidebar.ask("ask", question="total @routes.miles by @routes.origin")[-1]["answer"]
    assert answer["rows"]["rows"] == [["EWR", 2119], ["JFK", 2586]]
    [found] = sidebar.ask("rows", sql=answer["sql"], order=[{"column": "origin", "descending": True}])
    assert [row[0] for row in found["rows"]] == ["JFK", "EWR"]
    [error] = sidebar.ask("rows", sql="SELECT * FROM not_there")
    assert error["code"] == "unknown_name"


def test_sql_about_a_dataframe_reads_no_more_than_any_other_answer(sidebar: DataSidebar, workspace: Workspace,
                                                                   tmp_path: Path) -> None:
    import pandas

    (tmp_path / "secret.txt").write_text("topsecret")
    read = f"read_text('{tmp_path / 'secret.txt'}')"
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE t AS SELECT 1 AS x")
        session.query("CREATE VIEW good AS FROM t")
        session.query(f"CREATE VIEW bad AS FROM {read}")
    sidebar.names |= {"df": pandas.DataFrame({"x": [1, 2]}), "path": str(tmp_path)}
    [rows] = sidebar.ask("rows", sql="SELECT d.x FROM df AS d JOIN t USING (x) JOIN good USING (x)")
    assert rows["rows"] == [[1]]
    for sql in (f"SELECT content FROM df, {read}", "SELECT content FROM df, bad", "SELECT getenv('HOME') FROM df",
                "SELECT 1 FROM df) AS shown; DROP TABLE t; SELECT * FROM (SELECT 1"):
        [error] = sidebar.ask("rows", sql=sql)
        assert error["code"] in ("refused", "unknown_name"), sql
        assert "topsecret" not in str(error)
    assert sidebar.table("main.t")
    [error] = sidebar.ask("rows", table="main.t", filters=[{"column": "x", "op": [], "value": 1}])
    assert (error["code"], error["facts"]["kind"]) == ("unknown_name", "filter")
