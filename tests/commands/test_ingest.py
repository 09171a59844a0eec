"""`ingest` as a person meets it: its options, its plan, its recipes, its Run, and what it never writes down."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import keyring
import pytest

from pluto_duck.cli import main
from pluto_duck.commands import Door, Formatted, each, invoke
from pluto_duck.commands.load_options import as_words, told
from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.commands.render import to_bundles, to_text
from pluto_duck.commands.table import pluto
from pluto_duck.commands.workbench import open
from pluto_duck.errors import Cancelled, PartlyLoaded, PlutoError, Refused, UnknownName, Untrusted, UsageError
from pluto_duck.ingest import LoadOptions
from pluto_duck.runs import Runs
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.ingest.memory_keyring import MemoryKeyring
from tests.services.postgres import Database


@pytest.fixture
def here(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(workspace.root)
    (workspace.root / "sales.csv").write_text("id,region\n1,north\n2,south\n", encoding="utf-8")
    return workspace.root


@pytest.fixture
def door(here: Path, session: Session) -> Door:
    return Door(open_session=lambda: session)


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    before, ring = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def values(value: object) -> list[Any]:
    return list(each(value))


# -- options ------------------------------------------------------------------------------------------


def parsed(line: list[str]) -> LoadOptions:
    import click

    command = pluto.commands["ingest"]
    with click.Context(command) as context:
        command.parse_args(context, line)
        return told(context.params, None)


def test_every_option_of_a_load_can_be_said() -> None:
    options = parsed([
        "x.csv", "--table", "a", "--table", "b*", "--exclude", "c", "--schema", "s", "--query", "select 1",
        "--where", "a > 1", "--limit", "5", "--sample", "2.5", "--skip", "t.a", "--cast", "b=text", "--into", "t.*",
        "--mode", "scd2", "--key", "id, day", "--delete-missing", "--columns", "freeze", "--cursor", "at",
        "--lag", "1 hour", "--since", "2024", "--rejects", "keep", "--verify", "--check", "--parallel", "3",
        "--option", "encoding=latin-1", "--option", "null=", "--connector", "file"])
    assert options == LoadOptions(
        tables=("a", "b*"), exclude=("c",), schema="s", query="select 1", where="a > 1", limit=5, sample=2.5,
        skip=("t.a",), cast={"b": "text"}, into="t.*", mode="scd2", key=("id", "day"), delete_missing=True,
        columns="freeze", cursor="at", lag="1 hour", since="2024", rejects="keep", verify=True, check=True, parallel=3,
        options={"encoding": "latin-1", "null": ""}, connector="file")
    usual = LoadOptions()
    assert [one.name for one in fields(LoadOptions) if getattr(options, one.name) == getattr(usual, one.name)] == []
    assert as_words(options) == (
        "--table a --table b* --exclude c --schema s --query select 1 --into t.* --mode scd2 --key id --key day "
        "--delete-missing --cursor at --lag 1 hour --since 2024 --where a > 1 --limit 5 --sample 2.5 --columns freeze "
        "--skip t.a --cast b=text --rejects keep --verify --check --parallel 3 --option encoding=latin-1 "
        "--option null= --connector file")


def test_without_options_a_load_has_its_own_defaults() -> None:
    assert parsed(["x.csv"]) == LoadOptions()
    assert as_words(LoadOptions()) == ""


def test_the_help_begins_with_examples_and_is_in_groups(door: Door) -> None:
    text = str(invoke(["help", "ingest"], door))
    headings = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert headings == ["Usage: pluto-duck ingest [OPTIONS] [URI]", "Examples:", "Where from:", "What of it:", "Where to:",
                        "Only what is new:", "Every change, as it happens:", "How:", "Again later:", "Other:"]
    assert "--from-postgres URI" in text
    assert "x>=" not in text


@pytest.mark.parametrize(("line", "said", "hint"), [
    ([], "Name one place", "ingest sales.csv"),
    (["sales.csv", "--from", "shop"], "Name only one place", ""),
    (["sales.csv", "--from-csv", "sales.csv"], "Name only one place", ""),
    (["sales.csv", "--cast", "amount"], "--cast amount is not column=type", "numeric"),
    (["sales.csv", "--option", "encoding"], "--option encoding is not name=value", "latin-1"),
    (["sales.csv", "--mode", "upsert"], "upsert", "Usage"),
    (["sales.csv", "--sample", "0"], "sample", "Usage"),
    (["--save", "sales.csv"], "Name one place", "ingest sales.csv --save"),
    (["sales.csv", "--save", "--dry-run"], "--dry-run writes nothing", ""),
    (["--all", "--table", "x"], "--table says what to load", "Change it there"),
    (["--all", "sales.csv"], "says what to load", ""),
    (["localhost"], "says where, but not what kind", "postgresql://USER@localhost/DATABASE"),
    (["db.example:5433/shop"], "says where, but not what kind", "postgresql://USER@db.example:5433/shop"),
    (["postgress://me:s3cret@h/db"], "begin with postgress://", "Did you mean postgres"),
    (["jdbc:postgresql://h/db"], "for Java", "Leave jdbc: out"),
    (["gopher://me:s3cret@h/db"], "begin with gopher://", "There are the connectors"),
])
def test_what_makes_no_sense_is_told_with_the_way_out(door: Door, line: list[str], said: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        values(invoke(["ingest", *line], door))
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert "s3cret" not in str(caught.value.to_dict())


def test_who_names_the_table_to_fill_as_one_of_the_source_learns_how(door: Door) -> None:
    with pytest.raises(UnknownName) as caught:
        values(invoke(["ingest", "sales.csv", "--table", "orders"], door))
    assert caught.value.hint == "There are: sales. To load it into a table orders: --into orders"


def test_a_plug_in_that_is_broken_keeps_no_other_from_loading(
    door: Door, session: Session, monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pluto_duck import plugins

    real = plugins.load

    def load(group: str, name: str) -> Any:
        if name == "duckdb":
            raise ImportError("no such library")
        return real(group, name)

    monkeypatch.setattr(plugins, "load", load)
    assert invoke(["ingest", "sales.csv"], door).rows == 2  # type: ignore[attr-defined]
    with pytest.raises(UsageError) as caught:
        invoke(["ingest", "gopher://h/db"], door)
    assert "The connector duckdb can't be loaded (ImportError: no such library)." in caught.value.hint


def test_the_name_of_a_connection_alone_is_understood(door: Door) -> None:
    invoke(["connections", "add", "shop", "sales.csv"], Door(open_session=door.open_session, kind="notebook"))
    with pytest.raises(UnknownName) as caught:
        invoke(["ingest", "shop"], Door(open_session=door.open_session, kind="notebook"))
    assert caught.value.hint == "Did you mean the connection? %pluto ingest --from shop"


# -- before -------------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_would_come_and_writes_nothing(door: Door, session: Session) -> None:
    plan = invoke(["ingest", "sales.csv", "--dry-run"], door)
    assert session.tables() == []
    text = to_text(plan)
    assert text.startswith("Nothing was written. A load from ")
    assert "would bring 1 table" in text
    assert "sales -> sales: a new table" in text
    assert ["id", "BIGINT"] in [line.split()[::2] for line in text.splitlines()]
    bundles = to_bundles(plan)
    assert "<table" in bundles[-1]["text/html"]
    rows = json.loads(to_text(Formatted(plan, "json")))
    assert [(row["column"], row["type"], row["action"]) for row in rows] == [
        ("id", "BIGINT", "create"), ("region", "VARCHAR", "create")]
    assert invoke(["history"], door).rows == (), "nothing was loaded"  # type: ignore[attr-defined]


def test_a_dry_run_names_what_would_stop_the_load(door: Door, session: Session) -> None:
    session.query("create view sales as select 1 as a")
    text = to_text(invoke(["ingest", "sales.csv", "--dry-run"], door))
    assert "sales -> sales: would not be loaded" in text
    assert "is a view" in text
    assert "Hint: Give another name with --into." in text


def test_a_dry_run_of_many_tables_has_a_line_for_each(door: Door, here: Path) -> None:
    (here / "many").mkdir()
    for number in range(9):
        (here / "many" / f"t{number}.csv").write_text("a\n1\n", encoding="utf-8")
    text = to_text(invoke(["ingest", "many", "--dry-run"], door))
    assert "would bring 9 tables" in text
    assert sum(line.startswith("t") and "a new table" in line for line in text.splitlines()) == 9


def test_a_diagnosis_tells_what_is_odd_and_loads_nothing(door: Door, here: Path, session: Session) -> None:
    (here / "odd.csv").write_text("id,amount,when\n1,5,2024-01-01\n2,n/a,1900-01-01\n2,n/a,1900-01-01\n3,,\n",
                                  encoding="utf-8")
    found = invoke(["diagnose", "odd.csv"], door)
    text = to_text(found)
    assert "nothing loaded:" in text.splitlines()[0]
    assert "odd: 1 rows repeat another one." in text
    assert "n/a" in text
    written = json.loads(to_text(Formatted(found, "json")))
    assert [one["column"] for one in written] == ["id", "amount", "when"]
    assert all("table" not in one for one in written)
    assert "<table" in to_bundles(found)[-1]["text/html"]
    assert session.tables() == []
    both = json.loads(to_text(invoke(["diagnose", ".", "--format", "json", "--max-rows", "1"], door)))
    assert {one["table"] for one in both} == {"odd", "sales"}


# -- recipes ------------------------------------------------------------------------------------------


def test_a_load_that_worked_is_saved_and_runs_again(door: Door, here: Path, session: Session) -> None:
    said: list[str] = []
    door.say = said.append
    invoke(["ingest", "sales.csv", "--mode", "append", "--save"], door)
    assert said == [f"Saved as sales in {here / 'ingest.toml'}. Again: pluto-duck ingest --only sales, or --all."]
    assert (here / "ingest.toml").read_text(encoding="utf-8").endswith(
        '[[source]]\nname = "sales"\nuri = "sales.csv"\nmode = "append"\n')
    (report,) = values(invoke(["ingest", "--all"], door))
    assert report.rows == 2
    assert session.query("select count(*) from sales").scalar() == 4
    invoke(["ingest", "sales.csv", "--into", "other", "--save"], door)
    (report,) = values(invoke(["ingest", "--only", "other", "--format", "json"], door))
    assert json.loads(to_text(report))[0]["table"] == "other"


def test_a_load_that_failed_is_not_saved(door: Door, here: Path) -> None:
    with pytest.raises(UnknownName):
        invoke(["ingest", "none.csv", "--save"], door)
    assert not (here / "ingest.toml").exists()


def test_what_can_not_be_saved_is_refused_before_the_load(door: Door, here: Path, session: Session) -> None:
    with pytest.raises(UsageError, match="not the place") as caught:
        invoke(["ingest", "postgresql://me:s3cret@127.0.0.1:1/db", "--save"], door)
    assert "connections add" in caught.value.hint
    invoke(["ingest", "sales.csv", "--save"], door)
    with pytest.raises(Refused, match="says something else"):
        invoke(["ingest", "sales.csv", "--into", "twice", "--save=sales"], door)
    assert [str(one.ref) for one in session.tables()] == ["sales"]
    invoke(["ingest", "sales.csv", "--into", "twice", "--save=sales", "--force"], door)
    assert 'into = "twice"' in (here / "ingest.toml").read_text(encoding="utf-8")


def test_of_several_sources_what_fails_is_named_and_the_others_arrive(door: Door, here: Path, session: Session) -> None:
    (here / "ingest.toml").write_text(
        '[[source]]\nname = "gone"\nuri = "gone.csv"\n[[source]]\nname = "sales"\nuri = "sales.csv"\n', encoding="utf-8")
    came: list[Any] = []
    with pytest.raises(PartlyLoaded) as caught:
        came.extend(each(invoke(["ingest", "--all"], door)))
    assert "1 of 2 sources failed.\n  gone: There is no file" in caught.value.message
    assert "--only gone" in caught.value.hint
    assert session.query("select count(*) from sales").scalar() == 2


def test_a_cloned_recipe_runs_only_when_it_was_seen(door: Door, here: Path, workspace: Workspace) -> None:
    (here / "ingest.toml").write_text('[[source]]\nname = "x"\nuri = "postgresql://evil.example/x"\n', encoding="utf-8")
    with pytest.raises(Untrusted) as caught:
        values(invoke(["ingest", "--all"], door))
    assert "x: uri = 'postgresql://evil.example/x'" in caught.value.message
    assert "pluto-duck trust" in caught.value.hint
    shell = Door(open_session=door.open_session, workspace=str(workspace.root))
    with pytest.raises(Refused, match="wants to load"):
        invoke(["trust"], shell)
    assert "evil.example" in str(invoke(["trust", "--yes"], shell))
    with pytest.raises(PlutoError, match="no host"):
        values(invoke(["ingest", "--all"], door))
    text = (here / "ingest.toml").read_text(encoding="utf-8")
    (here / "ingest.toml").write_text(text.replace("/x\"", "/y\""), encoding="utf-8")
    with pytest.raises(Untrusted):
        values(invoke(["ingest", "--all"], door))


def test_saving_into_a_recipe_that_nobody_has_seen_does_not_trust_it(door: Door, here: Path) -> None:
    (here / "ingest.toml").write_text('[[source]]\nname = "x"\nuri = "postgresql://evil.example/x"\n', encoding="utf-8")
    invoke(["ingest", "sales.csv", "--save"], door)
    with pytest.raises(Untrusted):
        values(invoke(["ingest", "--all"], door))


def test_what_its_owner_saved_needs_no_trust(door: Door, database: Database) -> None:
    database.run("create table t (a int)", "insert into t values (1)")
    shell = Door(open_session=door.open_session, kind="notebook")
    invoke(["connections", "add", "db", database.uri, "--no-password"], shell)
    invoke(["ingest", "--from", "db", "--table", "t", "--save"], shell)
    (report,) = values(invoke(["ingest", "--all"], shell))
    assert report.rows == 1


# -- a Run --------------------------------------------------------------------------------------------


def test_a_load_is_a_run_with_progress(door: Door, session: Session) -> None:
    invoke(["ingest", "sales.csv"], door)
    runs = Runs(session)
    (run,) = runs.list(1)
    assert (run.kind, run.text, run.status, run.row_count) == ("ingest", "sales.csv", "succeeded", 2)
    assert run.facts["tables"][0]["table"] == "sales"
    events = [one for one in runs.events(run.run_id) if one.type == "progress"]
    assert events[-1].subtype == "end"
    assert events[-1].content["table"] == "sales"
    assert events[-1].content["rows"] == 2
    runs.close()


def test_python_has_the_same_run(here: Path) -> None:
    with open(here) as bench:
        bench.ingest("sales.csv", into="mine")
        (run,) = bench.runs.list(1)
        assert (run.kind, run.text, run.row_count) == ("ingest", "sales.csv --into mine", 2)
        assert main(["connections", "add", "sales", "sales.csv"]) == 0
        assert bench.ingest(connection="sales", mode="append", into="mine").rows == 2
        for wrong in ({}, {"source": "sales.csv", "connection": "sales"}):
            with pytest.raises(UsageError, match="Name one place"):
                bench.ingest(**wrong)  # type: ignore[arg-type]


def test_a_cancel_from_elsewhere_stops_the_load_and_leaves_the_old_table(
    door: Door, session: Session, database: Database, workspace: Workspace,
) -> None:
    database.run("create table t (a int)", "insert into t select generate_series(1, 1000)")
    invoke(["ingest", database.uri], door)
    other = Runs(session)

    def cancel() -> None:
        while not [one for one in other.list(1) if one.status == "running"]:
            threading.Event().wait(0.01)
        other.cancel(other.list(1)[0].run_id)

    with database.connect() as blocker:
        blocker.execute("begin")
        blocker.execute("lock table t")
        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(Cancelled, match="The load was cancelled"):
            invoke(["ingest", database.uri], door)
        thread.join()
    assert other.list(1)[0].status == "cancelled"
    assert session.query("select count(*) from t").scalar() == 1000
    other.close()


# -- what is never written ----------------------------------------------------------------------------


def test_a_password_is_in_no_file_and_no_output(
    here: Path, workspace: Workspace, postgres_with_password: PrivatePostgres, ring: MemoryKeyring,
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, user, secret = postgres_with_password, "sly", "Geh3im-f00d"
    import psycopg

    with psycopg.connect(server.uri("postgres"), autocommit=True) as admin:
        admin.execute(f"drop table if exists orders; drop role if exists {user}")
        admin.execute(f"create role {user} login password '{secret}'")
        admin.execute(f"create table orders (id int); insert into orders values (1), (2); "
                      f"grant select on orders to {user}")
    at = f"127.0.0.1:{server.port}/postgres"
    uri = f"postgresql://{user}:{secret}@{at}"
    monkeypatch.setenv("ORDERS_URL", uri)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{secret}\n"))
    lines = [
        (["connections", "add", "shop", f"postgresql://{user}@{at}", "--password-stdin"], 0),
        (["connections", "add", "typed", uri], 0), (["connections", "list"], 0), (["connections", "test", "shop"], 0),
        (["ingest", uri, "--table", "orders"], 0),
        (["ingest", "--from", "shop", "--table", "orders", "--mode", "append", "--save"], 0),
        (["ingest", "--from-postgres", f"host=127.0.0.1 port={server.port} user={user} dbname=postgres "
                                       f"password='{secret}'", "--table", "orders"], 0),
        (["ingest", f"postgresql://{at}?user={user}&password={secret}", "--table", "orders"], 0),
        (["ingest", "env:ORDERS_URL", "--table", "orders"], 0), (["ingest", "--all"], 0),
        (["ingest", uri, "--table", "ordres"], 4), (["ingest", uri, "--table", "orders", "--dry-run"], 0),
        (["ingest", uri, "--query", "select nope", "--table", "q"], None), (["ingest", uri, "--save"], 2),
        (["ingest", uri, uri], 2), (["ingest", uri.replace("f00d", "f00d!")], 5),
        (["ingest", f"postgresql://{user}:{secret}@127.0.0.1:1/x"], 5), (["ingest", uri + "x"], 4),
        (["ingest", f"postgrsql://{user}:{secret}@h/x"], 2), (["ingest", f"postgresql://{user}:a/{secret}@h/x"], None),
        (["ingest", uri, "--tabel", "x"], 2), (["ingest", uri, "--cast", f"a={secret}"], None),
        (["--traceback", "ingest", "env:ORDERS_URL", "--table", "orders"], 0),
        (["history"], 0), (["history", "--format", "json"], 0), (["tables"], 0), (["status"], 0),
    ]
    for line, code in lines:
        ended = main(line)
        assert code is None or ended == code, line
    out, err = capfd.readouterr()
    text = out + err
    assert secret not in text
    assert text.count("stands in the history of your shell. Better:") >= 1
    with Session.open(here) as session:
        kept = session.query("select * from _pluto.loads").rows()
    assert kept
    assert secret not in str(kept)
    for path in workspace.root.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
    assert secret in str(ring.kept)


def test_a_typed_password_is_warned_about_once_in_a_session(door: Door, session: Session) -> None:
    said: list[str] = []
    door.say = said.append
    for _ in range(2):
        with pytest.raises(PlutoError):
            invoke(["ingest", "postgresql://me:s3cret@127.0.0.1:1/db"], door)
    assert said == ["The password in that address now stands in the history of your shell. Better: pluto-duck connections "
                    "add NAME URI without it (you are asked), then ingest --from NAME."]


# -- afterwards ---------------------------------------------------------------------------------------


def rows(value: object) -> list[dict[str, Any]]:
    return json.loads(to_text(Formatted(value, "json")))  # type: ignore[no-any-return]


def test_loads_tells_what_was_tried_and_what_became_of_it(door: Door, here: Path, session: Session) -> None:
    assert to_text(invoke(["loads"], door)) == "Nothing was loaded yet: pluto-duck ingest FILE"
    assert to_text(invoke(["loads", "--freshness"], door)) == "Nothing was loaded yet: pluto-duck ingest FILE"
    invoke(["ingest", "sales.csv"], door)
    (here / "more.csv").write_text("id,region\n3,west\n", encoding="utf-8")
    invoke(["ingest", "more.csv", "--into", "sales", "--mode", "append"], door)
    session.query("create view blocked as select 1 as a")
    with pytest.raises(PlutoError):
        invoke(["ingest", "more.csv", "--into", "blocked"], door)
    found = rows(invoke(["loads"], door))
    assert [(one["table"], one["mode"], one["state"], one["rows"]) for one in found] == [
        ("blocked", "replace", "failed", None), ("sales", "append", "succeeded", 1), ("sales", "replace", "succeeded", 2)]
    assert "is a view" in found[0]["why"]
    assert [one["state"] for one in rows(invoke(["loads", "--table", "SALES"], door))] == ["succeeded"] * 2
    assert [one["table"] for one in rows(invoke(["loads", "--failed"], door))] == ["blocked"]
    session.query("DROP VIEW blocked")
    assert [one["table"] for one in rows(invoke(["loads", "--failed"], door))] == ["blocked"]
    assert len(rows(invoke(["loads", "--limit", "1"], door))) == 1
    with pytest.raises(UnknownName) as caught:
        invoke(["loads", "--table", "sale"], door)
    assert caught.value.hint == "Did you mean sales?"


def test_the_tables_tell_how_fresh_they_are(door: Door, session: Session) -> None:
    session.query("create table mine (a int)")
    assert [list(one) for one in rows(invoke(["tables"], door))] == [["table", "kind", "rows", "columns"]]
    invoke(["ingest", "sales.csv"], door)
    listed = {one["table"]: one["loaded"] for one in rows(invoke(["tables"], door))}
    assert listed["mine"] == ""
    assert listed["sales"].startswith("20")
    (fresh,) = rows(invoke(["loads", "--freshness"], door))
    assert (fresh["table"], fresh["rows"], fresh["brought"], fresh["age"][-2:]) == ("sales", 2, 2, " s")
    lead = to_text(invoke(["describe", "sales"], door)).splitlines()[:2]
    assert lead[0] == "sales, a table, 2 rows"
    assert lead[1].startswith("loaded 20")
    assert " ago, from " in lead[1]
    assert to_text(invoke(["describe", "mine"], door)).splitlines()[1].split() == ["column", "type", "nullable", "key", "comment"]


@pytest.mark.parametrize(("seconds", "said"), [
    (0, "0 s"), (99, "99 s"), (150, "2 min"), (5999, "100 min"), (7200, "2 h"), (86_400 * 3, "3 days")])
def test_an_age_is_said_as_people_say_it(seconds: float, said: str) -> None:
    from pluto_duck.commands.fresh import age

    assert age(seconds) == said


def test_the_history_holds_nothing_of_a_signed_link(here: Path, session: Session, door: Door) -> None:
    for query in ("X-Amz-Signature=s3cr3t-sig", "sv=1&sig=s3cr3t-sig", "k=s3cr3t-sig"):
        with pytest.raises(PlutoError) as caught:
            invoke(["ingest", f"http://127.0.0.1:9/t.csv?{query}"], door)
        assert "s3cr3t-sig" not in str(caught.value.to_dict())
    kept = b"".join(one.read_bytes() for one in (here / ".pluto-duck").glob("control.sqlite*"))
    assert b"127.0.0.1:9/t.csv" in kept
    assert b"s3cr3t-sig" not in kept
