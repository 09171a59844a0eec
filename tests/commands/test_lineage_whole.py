"""The lineage is put together once, and again as soon as anybody has changed what it hangs on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from pluto_duck.agent.answer import Answer
from pluto_duck.agent.memory import Memory
from pluto_duck.catalog.lineage import Lineage
from pluto_duck.commands import Door, each, invoke
from pluto_duck.commands import lineage_whole as module
from pluto_duck.commands.lineage_whole import whole
from pluto_duck.errors import PlutoError
from pluto_duck.session import Session

OTHER = """
import sys
from pathlib import Path
from pluto_duck.commands import Door, each, invoke
from pluto_duck.session import Session
session = Session.open(Path(sys.argv[1]))
for line in sys.stdin:
    list(each(invoke(eval(line), Door(lambda: session, workspace=sys.argv[1]))))
    print("done", flush=True)
"""


@pytest.fixture
def other(session: Session) -> Iterator[Callable[..., None]]:
    """Runs verbs in another process."""
    process = subprocess.Popen([sys.executable, "-c", OTHER, str(session.workspace.root)], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=session.workspace.root)
    assert process.stdin is not None

    def run(*args: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{list(args)!r}\n")
        process.stdin.flush()
        while (said := process.stdout.readline()) != "done\n":
            assert said, args

    yield run
    process.stdin.close()
    process.wait(60)


def told(found: Lineage) -> tuple[object, ...]:
    return sorted(found.nodes.items()), sorted(found.links, key=lambda one: (one.above, one.below))


def anew(session: Session) -> tuple[object, ...]:
    module._kept.cache_clear()
    return told(whole(session))


MANIFEST = {"nodes": {"model.p.m": {"resource_type": "model", "name": "m", "schema": "main", "database": "workspace",
            "compiled_code": "select b from v", "columns": {}, "config": {}}}, "sources": {}, "exposures": {}}
POLICY = """version: "1"
roles:
  analyst: {grants: [{tables: t, actions: read}]}
"""


def test_what_another_process_changes_is_in_it_at_once(session: Session, other: Callable[..., None]) -> None:
    root = session.workspace.root
    (root / "x.csv").write_text("a,b\n1,2\n")
    session.query("CREATE TABLE t (a INT PRIMARY KEY, b INT); INSERT INTO t VALUES (1, 2)")

    def write(name: str, text: str) -> Callable[[], object]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        return lambda: (root / name).write_text(text)

    changes: list[Callable[[], object]] = [
        lambda: other("query", "CREATE VIEW v AS SELECT a FROM t"),
        lambda: other("query", "CREATE OR REPLACE VIEW v AS SELECT b FROM t WHERE a > 1"),
        lambda: other("query", "ALTER TABLE t ADD COLUMN c INT"), lambda: other("query", "CREATE TABLE made AS SELECT b FROM v"),
        lambda: other("query", "COMMENT ON TABLE t IS 'of the till'"), lambda: other("ingest", "x.csv", "--into", "l"),
        lambda: other("ingest", "x.csv", "--into", "l", "--mode", "append"),
        lambda: other("query", "CREATE MACRO f(x) AS x + (SELECT max(a) FROM l)"),
        lambda: other("query", "CREATE VIEW w AS SELECT f(b) AS k FROM t"),
        lambda: other("query", "CREATE OR REPLACE MACRO f(x) AS x"),
        lambda: Memory(session).keep(Answer("answered", "how many", "builtin", "1.", sql="SELECT count(*) FROM w")),
        lambda: Memory(session).delete(Memory(session).conversations()[0].id),
        write("semantics.yaml", "questions: [{question: all b, sql: SELECT b FROM t}]"),
        write("dbt_project.yml", "name: p\n"), write("target/manifest.json", json.dumps(MANIFEST)),
        write("target/manifest.json", json.dumps(MANIFEST).replace("select b", "select 1")),
        write("policy.yaml", POLICY), lambda: other("trust", "--yes"), lambda: other("changes", "track", "t"),
        lambda: other("sinks", "add", "archive", "--kind", "file", "-o", f"folder={root / 'out'}"),
        lambda: other("sinks", "remove", "archive"),
        lambda: other("schedule", "add", "@daily", "--name", "s", "--", "query", "SELECT a FROM t"),
        lambda: other("schedule", "pause", "s"), lambda: other("schedule", "remove", "s"), lambda: other("query", "DROP TABLE made")]
    before = told(whole(session))
    for place, change in enumerate(changes):
        change()
        now = told(whole(session))
        assert now == anew(session), f"stale after {place}"
        if place not in (7, 13, 16, 18):  # a macro that nobody calls; before dbt reads it, trust, and a sink
            assert now != before, f"no difference after {place}"
        before = now


def test_it_is_the_same_until_something_changes(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS a; CREATE VIEW v AS FROM t")
    first = whole(session)
    assert whole(session) is first
    session.query("SELECT * FROM v")
    assert whole(session) is first
    session.query("CREATE VIEW w AS FROM v")
    assert "main.w" in whole(session).nodes


def test_a_view_that_duckdb_was_asked_about_is_asked_about_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS a, 2 AS b; CREATE VIEW v AS SELECT b FROM t; ALTER TABLE t DROP COLUMN b")
    assert whole(session).nodes["main.v"].note == "it names b, which no table has"
    monkeypatch.setattr(type(session), "internal", lambda *_args, **_more: [[]])
    assert whole(session).nodes["main.v"].note == ""


def test_what_may_be_undone_is_kept_for_nobody(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS a")
    whole(session)
    session.query("BEGIN")
    session.query("CREATE VIEW v AS FROM t")
    assert "main.v" in whole(session).nodes
    session.query("ROLLBACK")
    assert "main.v" not in whole(session).nodes


def test_after_a_failure_nothing_half_made_is_kept(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from pluto_duck.ingest import lineage

    session.query("CREATE TABLE t AS SELECT 1 AS a")
    with monkeypatch.context() as broken:
        broken.setattr(lineage, "loaded", lambda *_: (_ for _ in ()).throw(PlutoError("no")))
        with pytest.raises(PlutoError):
            whole(session)
    assert "main.t" in whole(session).nodes
    assert list(each(invoke(["lineage", "t"], Door(lambda: session, workspace=str(session.workspace.root)))))
