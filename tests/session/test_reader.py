"""Strangers' SQL runs in a process of its own, over a snapshot: what it sees, how old that is, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.errors import Cancelled, PlutoError, Refused, StatementError, TimedOut, UnknownName, UsageError
from pluto_duck.session import Session
from pluto_duck.session.apart import MAIN
from pluto_duck.settings import Settings
from pluto_duck.workspace import create, reader, snapshots
from tests.governance.policy.conftest import Company, companies, lasting_home

__all__ = ["companies"]

SETUP = """
CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE TABLE people AS SELECT i AS id, 'name ' || i AS name, ['EU', 'US'][1 + i % 2] AS region, 'happy'::mood AS mood
  FROM range(1000) r(i);
CREATE TABLE access AS SELECT 'EU' AS region, 'dash' AS who;
CREATE TABLE hidden AS SELECT 'never-to-be-seen' AS secret;
CREATE SCHEMA sales; CREATE TABLE sales."odd.name" AS SELECT 7 AS "a b";
CREATE MACRO twice(x) AS 2 * x; CREATE MACRO few() AS TABLE SELECT id FROM people WHERE id < 3;
CREATE VIEW europeans AS SELECT id, twice(id) AS double, mood FROM people WHERE region = 'EU' AND mood = 'happy'::mood;
CREATE VIEW first_ones AS SELECT * FROM europeans JOIN few() USING (id);
CREATE TABLE wide AS SELECT i AS id, repeat('x', 1000) AS text FROM range(200000) r(i);
"""
POLICY = """
version: 1
roles:
  europe:
    grants: [{tables: people, actions: [read, ask], rows: region = $region, masks: {name: partial}}]
  dash: {grants: [{tables: people, actions: read, rows: "region IN (SELECT a.region FROM access a WHERE a.who = $actor)"}]}
  views: {grants: [{tables: [europeans, first_ones], actions: read}]}
  odd: {grants: [{tables: "sales.*", actions: read}]}
  wide: {grants: [{tables: wide, actions: read}]}
"""

_home = pytest.fixture(autouse=True, scope="module")(lasting_home)


@pytest.fixture(scope="module")
def company(companies: Callable[[], Company]) -> Company:
    made = companies()
    made.owner.query(SETUP)
    made.allow(POLICY)
    return made


@pytest.fixture
def europe(company: Company) -> Iterator[Session]:
    with company.as_("europe", region="EU") as session:
        yield session


def apart(session: Session, sql: str, **options: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in session.query_apart(sql, **options).rows()]


def pids(session: Session) -> list[int]:
    return session._link.node.readers("pluto_duck.session.reading").pids()


def packs(company: Company) -> set[str]:
    return {one.name for one in company.workspace.snapshots.glob("*.duckdb")}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def soon(condition: Callable[[], bool], within_s: float = 20.0) -> bool:
    until = time.monotonic() + within_s
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


@pytest.mark.parametrize("sql", [
    "SELECT id, name, region, mood FROM people ORDER BY id LIMIT 3", "SELECT count(*), max(name) FROM people", "SHOW TABLES",
    "DESCRIBE people", "SELECT 1 WHERE false", "WITH p AS (SELECT * FROM people) SELECT id FROM p ORDER BY id LIMIT 1",
    "SELECT [1, 2] AS l, {'a': 1} AS s, MAP {'k': 2} AS m, DATE '2024-01-02' AS d, 1.5::DECIMAL(9, 3) AS n, NULL AS z",
    "SELECT id FROM people JOIN (SELECT id FROM people) USING (id) ORDER BY id LIMIT 2"])
def test_the_rows_are_those_that_a_live_statement_gives(europe: Session, sql: str) -> None:
    live, found = europe.query(sql), europe.query_apart(sql, max_age_s=0)
    assert found.rows() == live.rows()
    assert found.columns == live.columns
    assert found.as_of is not None
    assert live.as_of is None


def test_a_condition_reads_its_tables_and_a_view_its_macros_and_types(company: Company) -> None:
    assert apart(company.as_("dash", name="dash"), "SELECT count(*) FROM people") == [(500,)]
    assert apart(company.as_("dash", name="other"), "SELECT count(*) FROM people") == [(0,)]
    views = company.as_("views")
    assert apart(views, "SELECT count(*), max(double) FROM europeans") == [(500, 1996)]
    assert apart(views, "FROM first_ones ORDER BY id") == [(0, 0, "happy"), (2, 4, "happy")]
    assert apart(company.as_("odd"), 'SELECT "a b" FROM sales."odd.name"') == [(7,)]


def test_a_view_that_can_not_stand_alone_is_refused_in_clear_words(company: Company) -> None:
    company.owner.query("CREATE OR REPLACE MACRO later(x, y := 1) AS x + y; "
                        "CREATE OR REPLACE VIEW sales.odd_view AS SELECT later(\"a b\") AS n FROM sales.\"odd.name\"")
    odd = company.as_("odd")
    assert odd.query("FROM sales.odd_view").rows() == [(8,)]
    with pytest.raises(Refused, match=r"sales\.odd_view can't be read from a snapshot"):
        apart(odd, "FROM sales.odd_view")


@pytest.mark.parametrize("sql", [
    "SELECT secret FROM hidden", "SELECT * FROM sales.\"odd.name\"", "CREATE TABLE x (i INT)", "SELECT 1; SELECT 2",
    "SELECT getvariable('pluto_claim_region')", "FROM read_csv('/etc/passwd')", "FROM duckdb_databases()",
    "SELECT * FROM workspace.main.people", "SELECT $1", "SELECT name::INT FROM people", "SELECT nosuch FROM people"])
def test_errors_are_the_live_ones(europe: Session, sql: str) -> None:
    with pytest.raises(PlutoError) as live:
        europe.query(sql)
    with pytest.raises(PlutoError) as error:
        apart(europe, sql)
    assert (type(error.value), error.value.message, error.value.hint) == (
        type(live.value), live.value.message, live.value.hint)
    assert "never-to-be-seen" not in str(error.value.to_dict())


def test_only_what_others_ask_is_read_apart(company: Company, europe: Session) -> None:
    with pytest.raises(UsageError, match="live"):
        company.owner.query_apart("SELECT 1")
    with pytest.raises(UsageError, match="max_age"):
        europe.query_apart("SELECT 1", max_age_s=-1)


# -- how old it is --------------------------------------------------------------------------------------


def test_age_is_what_the_request_allows(company: Company, europe: Session) -> None:
    count = "SELECT count(*) FROM people"
    (before,), = apart(europe, count, max_age_s=0)
    company.owner.query("INSERT INTO people SELECT 5000, 'x', 'EU', 'sad'")
    old = europe.query_apart(count, max_age_s=3600)
    assert old.rows() == [(before,)]
    new = europe.query_apart(count, max_age_s=0)
    assert new.rows() == [(before + 1,)]
    assert old.as_of is not None
    assert new.as_of is not None
    assert old.as_of < new.as_of


def test_access_that_a_condition_looks_up_is_taken_away_at_once(company: Company) -> None:
    dash, count = company.as_("dash", name="dash"), "SELECT count(*) FROM people"
    (before,), = apart(dash, count, max_age_s=0)
    assert before
    company.owner.query("UPDATE people SET name = name WHERE id = 1")
    assert dash.query_apart(count, max_age_s=3600).as_of is not None
    company.owner.query("DELETE FROM access")
    try:
        assert apart(dash, count) == apart(dash, count, max_age_s=3600) == [(0,)]
    finally:
        company.owner.query("INSERT INTO access VALUES ('EU', 'dash')")
    assert apart(dash, count, max_age_s=3600) == [(before,)]


def test_a_table_of_another_shape_is_not_read_as_it_was(company: Company) -> None:
    wide, owner = company.as_("wide"), company.owner
    owner.query("CREATE TABLE kept AS FROM wide")
    assert apart(wide, "SELECT count(*) FROM wide", max_age_s=0) == [(200_000,)]
    owner.query("ALTER TABLE wide ADD COLUMN more INTEGER DEFAULT 5")
    assert apart(wide, "SELECT max(more) FROM wide", max_age_s=3600) == [(5,)]
    owner.query("CREATE OR REPLACE TABLE wide AS SELECT 'a' AS other")
    assert apart(wide, "FROM wide", max_age_s=3600) == [("a",)]
    owner.query("CREATE OR REPLACE TABLE wide AS FROM kept; DROP TABLE kept")


def test_what_has_not_changed_is_not_copied_again(company: Company, europe: Session) -> None:
    first = europe.query_apart("SELECT count(*) FROM people", max_age_s=0)
    before = packs(company)
    company.owner.query("INSERT INTO hidden SELECT 'other'")
    again = europe.query_apart("SELECT max(id) FROM people", max_age_s=0)
    assert packs(company) == before
    assert first.as_of is not None
    assert again.as_of is not None
    assert again.as_of > first.as_of, "it holds as of now"


def test_tables_of_one_statement_are_of_one_moment(company: Company) -> None:
    owner = company.owner
    owner.query("CREATE TABLE one AS SELECT 0 AS n; CREATE TABLE other AS SELECT 0 AS n")
    company.allow(company.file.read_text(encoding="utf-8") + "  both: {grants: [{tables: [one, other], actions: read}]}\n")
    session, stop = company.as_("both"), threading.Event()

    def write() -> None:
        with Session.open(company.workspace.root) as writer:
            n = 0
            while not stop.is_set():
                n += 1
                with writer.transaction():
                    writer.query(f"UPDATE one SET n = {n}")
                    writer.query(f"UPDATE other SET n = {n}")

    writing = threading.Thread(target=write)
    writing.start()
    try:
        found = []
        for i in range(6):
            # Each alone first, so that their newest copies are of two moments.
            apart(session, "FROM one" if i % 2 else "FROM other", max_age_s=0)
            found += apart(session, "SELECT a.n, b.n FROM one a, other b", max_age_s=0 if i % 3 else 60)
    finally:
        stop.set()
        writing.join()
    assert [a for a, b in found if a != b] == []
    assert len({a for a, _b in found}) > 1


def test_a_look_at_the_catalog_does_not_keep_a_copy_from_being_closed(company: Company, europe: Session) -> None:
    stop = threading.Event()

    def look() -> None:
        with Session.open(company.workspace.root) as looking:
            while not stop.is_set():
                looking.query("SELECT count(*) FROM duckdb_columns()")

    looking = [threading.Thread(target=look) for _ in range(2)]
    for one in looking:
        one.start()
    try:
        for i in range(4):
            company.owner.query(f"UPDATE people SET name = 'n{i}' WHERE id = 1")
            assert apart(europe, "SELECT count(*) > 0 FROM people", max_age_s=0) == [(True,)]
    finally:
        stop.set()
        for one in looking:
            one.join()


def test_a_changed_policy_counts_at_once(company: Company, europe: Session) -> None:
    text = company.file.read_text(encoding="utf-8")
    assert apart(europe, "SELECT max(name) FROM people") == [("n***",)]
    company.allow(text.replace("rows: region = $region", "rows: region = $region AND id < 10"))
    assert apart(europe, "SELECT count(*) FROM people", max_age_s=3600) == [(5,)]
    company.file.write_text(text, encoding="utf-8")  # not allowed as it is now
    with pytest.raises(UnknownName):
        apart(europe, "SELECT count(*) FROM people", max_age_s=3600)
    company.allow(text)
    assert apart(europe, "SELECT count(*) > 400 FROM people", max_age_s=3600) == [(True,)]


def test_files_are_the_users_alone(company: Company, europe: Session) -> None:
    apart(europe, "FROM people", max_age_s=0)
    assert stat.S_IMODE(company.workspace.snapshots.stat().st_mode) == 0o700
    for path in company.workspace.snapshots.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not path.name.startswith("making-")


def test_copies_of_what_was_deleted_go_by_themselves(company: Company, europe: Session,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    apart(europe, "SELECT count(*) FROM people", max_age_s=0)
    handler = company.owner._link._channel._host._handler  # type: ignore[union-attr]
    tidy = lambda: handler.snapshots.tidy(handler.ledger.versions)  # noqa: E731
    before = packs(company)
    assert before
    tidy()
    assert packs(company) == before, "they are as of now"
    company.owner.query("DELETE FROM people WHERE id = 999")
    tidy()
    assert packs(company) == before
    monkeypatch.setattr(snapshots, "STALE_S", 0.0)
    tidy()
    assert packs(company) < before
    assert apart(europe, "SELECT count(*) > 400 FROM people", max_age_s=3600) == [(True,)]


def test_a_damaged_or_missing_file_is_made_anew(company: Company, europe: Session) -> None:
    for harm in ("missing", "short", "garbage", "torn"):
        apart(europe, "SELECT count(*) FROM people", max_age_s=0)
        for pid in pids(europe):
            os.kill(pid, signal.SIGKILL)  # whoever has it open would read on
        for path in company.workspace.snapshots.glob("pack-*.duckdb"):
            data = path.read_bytes()
            if harm == "missing":
                path.unlink()
            elif harm == "short":
                path.write_bytes(data[:len(data) // 2])
            else:
                path.write_bytes(os.urandom(len(data)) if harm == "garbage" else data[:8192] + bytes(len(data) - 8192))
        assert apart(europe, "SELECT count(name) > 400 FROM people", max_age_s=0) == [(True,)], harm


def test_a_damage_that_shows_in_the_middle_is_an_error_once(company: Company) -> None:
    wide = company.as_("wide")
    whole = apart(wide, "SELECT count(*), max(text) FROM wide", max_age_s=0)
    for pid in pids(wide):
        os.kill(pid, signal.SIGKILL)
    for path in company.workspace.snapshots.glob("pack-*.duckdb"):
        data = bytearray(path.read_bytes())
        for at in range(300_000, len(data) - 300_000, 262_144):
            data[at:at + 64] = os.urandom(64)
        path.write_bytes(data)
    told: list[PlutoError] = []
    try:
        assert apart(wide, "SELECT count(*), max(text) FROM wide", max_age_s=0) == whole
    except PlutoError as error:
        told.append(error)
    assert all(one.transient for one in told)
    assert apart(wide, "SELECT count(*), max(text) FROM wide", max_age_s=0) == whole


def test_a_policy_that_changes_in_the_middle_of_the_rows_counts_for_the_next_statement(company: Company) -> None:
    text, wide = company.file.read_text(encoding="utf-8"), company.as_("wide")
    with wide.stream_apart("SELECT id FROM wide") as stream:
        rows = iter(stream)
        first = next(rows).num_rows
        company.allow(text.replace("{tables: wide, actions: read}", "{tables: wide, actions: read, rows: id < 7}"))
        assert first + sum(one.num_rows for one in rows) == 200_000, "whole, of the moment it began"
    assert apart(wide, "SELECT count(*) FROM wide", max_age_s=3600) == [(7,)]
    company.allow(text)


@pytest.mark.root
def test_a_full_disk_is_said_and_the_host_goes_on(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", small], check=True)
    try:
        made = Company(create(small / "w"))
        made.owner.query("CREATE TABLE t AS SELECT hash(i) AS h, md5(i::VARCHAR) AS m FROM range(700000) r(i)")
        made.owner.query("CHECKPOINT")
        made.allow("version: 1\nroles:\n  all: {grants: [{tables: t, actions: read}]}\n")
        session = made.as_("all")
        for spare in (snapshots.SPARE_BYTES, -(1 << 40)):  # seen before, and met while copying
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(snapshots, "SPARE_BYTES", spare)
                (small / "filling").write_bytes(bytes(max(0, shutil.disk_usage(small).free - (8 << 20))))
                with pytest.raises(PlutoError, match="no room on the disk"):
                    apart(session, "SELECT count(*) FROM t", max_age_s=0)
            (small / "filling").unlink()
            assert made.owner.query("SELECT count(*) FROM t").scalar() == 700_000
            assert not list(made.workspace.snapshots.glob("making-*"))
            made.owner.query("INSERT INTO t SELECT 1, 'x'; DELETE FROM t WHERE m = 'x'")
        assert apart(session, "SELECT count(*) FROM t", max_age_s=0) == [(700_000,)]
        made.close()
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_what_a_killed_host_left_half_made_goes(company: Company, europe: Session) -> None:
    company.workspace.snapshots.mkdir(exist_ok=True)
    left = [company.workspace.snapshots / "making-x.duckdb", company.workspace.snapshots / "pack-x.duckdb"]
    for path in left:
        path.write_bytes(b"half")
    handler = company.owner._link._channel._host._handler  # type: ignore[union-attr]
    handler.snapshots._packs = None  # as a new host begins
    handler.snapshots._moments.clear()
    apart(europe, "SELECT count(*) FROM people", max_age_s=0)
    assert not any(path.exists() for path in left)


# -- how it ends ----------------------------------------------------------------------------------------

ENDLESS = "SELECT sum(a.range * b.range) FROM range(1000000000) a, range(1000000000) b"


def test_a_deadline_stops_it_and_the_next_statement_runs(europe: Session) -> None:
    with pytest.raises(TimedOut):
        apart(europe, ENDLESS, timeout_s=0.3)
    assert apart(europe, "SELECT 1") == [(1,)]


def test_a_cancel_reaches_it(europe: Session) -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            apart(europe, ENDLESS, timeout_s=60)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():
        europe.interrupt()
        thread.join(0.05)
    assert isinstance(failed[0], Cancelled)
    assert apart(europe, "SELECT 1") == [(1,)]


def test_the_death_of_its_process_is_a_clear_error_and_nobody_elses(company: Company, europe: Session) -> None:
    wide = company.as_("wide")
    with wide.stream_apart("FROM wide") as stream:
        rows = iter(stream)
        next(rows)
        for pid in pids(wide):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(StatementError, match="ended the process"):
            list(rows)
    assert apart(europe, "SELECT 1") == [(1,)]


def test_rows_and_bytes_have_a_limit_and_say_so(company: Company) -> None:
    wide = company.as_("wide")
    found = wide.query_apart("SELECT id FROM wide ORDER BY id", max_rows=10)
    assert (found.row_count, found.truncated) == (10, True)
    assert not wide.query_apart("SELECT id FROM wide WHERE id < 10", max_rows=10).truncated
    found = wide.query_apart("SELECT text || text AS a, text AS b FROM wide")
    assert found.truncated
    assert 0 < found.arrow().nbytes <= 260 << 20


def test_a_value_that_would_stop_its_reader_is_refused(europe: Session) -> None:
    with pytest.raises(StatementError, match="more than 2 MB"):
        apart(europe, "SELECT list(i) FROM range(1_000_000) r(i)")
    (few,), = apart(europe, "SELECT list(i) FROM range(100_000) r(i)")
    assert len(few) == 100_000


def test_a_stream_that_is_left_early_frees_its_process(company: Company, europe: Session) -> None:
    wide = company.as_("wide")
    for _ in range(4):
        with wide.stream_apart("FROM wide") as stream:
            next(iter(stream))
    assert apart(europe, "SELECT 1") == [(1,)]


def test_a_process_sees_no_environment_no_descriptor_and_can_not_write(europe: Session,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    apart(europe, "SELECT 1")
    for pid in pids(europe):
        if not alive(pid):
            continue
        names = {one.split("=")[0] for one in Path(f"/proc/{pid}/environ").read_text().split("\0") if one}
        assert names <= {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LC_ALL", "MALLOC_ARENA_MAX", "OMP_NUM_THREADS", "TZ",
                         "LD_LIBRARY_PATH"}
        open_files = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]
        assert not [one for one in open_files if "workspace.duckdb" in one or "control" in one or "host" in one]
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert next(line for line in limits.splitlines() if "file size" in line).split()[3] == "0"
        assert "unlimited" not in next(line for line in limits.splitlines() if "address space" in line)
        assert "Seccomp:\t2" in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize("work", [
    "import socket; socket.socket()", "import socket; socket.create_connection(('127.0.0.1', 9))",
    "import os; os.fork()", "import subprocess; subprocess.run(['true'])", "import os; os.execv('/bin/true', ['true'])",
    "import sys; f = open(sys.argv[1], 'w'); f.write('x'); f.flush()", "x = bytearray(3 << 30)", "[open('/dev/null') for _ in range(99)].sort()"])
def test_a_confined_process_has_no_network_no_children_no_files_and_little_memory(work: str, tmp_path: Path) -> None:
    script = ("import threading; from pluto_duck.workspace import reader_limits; reader_limits.confine(512)\n"
              "thread = threading.Thread(target=print, args=('a thread',)); thread.start(); thread.join()\n"
              f"try:\n    {work}\nexcept (OSError, MemoryError) as error:\n    print('refused')\nelse:\n    print('done')\n")
    found = subprocess.run([sys.executable, "-c", script, str(tmp_path / "x")], capture_output=True, text=True, timeout=60)
    assert found.stdout == "a thread\nrefused\n", found.stderr


def test_no_process_outlives_a_server_that_is_killed(company: Company) -> None:
    script = ("import sys, time; from pluto_duck.session import Session; from pluto_duck.governance import Actor\n"
              "s = Session.open(sys.argv[1], actor=Actor('key', 'k', ('europe',), {'region': 'EU'}))\n"
              "print(s.query_apart('SELECT count(*) > 400 FROM people').rows())\n"
              "readers = s._link.node.readers('pluto_duck.session.reading')\n"
              "while len(readers.pids()) < 2: time.sleep(0.01)\n"
              "print(*readers.pids(), flush=True); s.query_apart(sys.argv[2], timeout_s=100)")
    process = subprocess.Popen([sys.executable, "-c", script, str(company.workspace.root), ENDLESS],
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "[(True,)]\n", "a guest reads what the host publishes"
    readers = [int(one) for one in process.stdout.readline().split()]
    assert all(map(alive, readers))
    process.kill()
    process.wait()
    assert soon(lambda: not any(map(alive, readers)))


def test_the_next_host_goes_on_with_the_copies_that_are_there(company: Company, europe: Session) -> None:
    apart(europe, "SELECT count(*) FROM people", max_age_s=0)
    before = packs(company)
    handler = company.owner._link._channel._host._handler  # type: ignore[union-attr]
    handler.snapshots._packs = None
    handler.snapshots._moments.clear()
    handler.snapshots._newest.clear()
    assert apart(europe, "SELECT count(*) > 400 FROM people", max_age_s=0) == [(True,)]
    assert packs(company) == before


@pytest.mark.parametrize("when", ["started", "waited for"])
def test_readers_that_are_closed_while_they_start_leave_nothing_and_say_nothing(
        when: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    started: list[reader.Reader] = []
    readers = reader.Readers(MAIN, Settings.load(environ={}))

    class Late(reader.Reader):
        def __init__(self, main: str, settings: Settings) -> None:
            super().__init__(main, settings)
            started.append(self)
            if when == "started":
                readers.close()

        def wait_ready(self) -> None:
            if when == "waited for":
                readers.close()
            super().wait_ready()

    monkeypatch.setattr(reader, "Reader", Late)
    readers.warm()
    assert readers._spawner is not None
    readers._spawner.join(60)
    assert not readers._spawner.is_alive()
    assert [one.lives for one in started] == [False]
    assert readers.pids() == []
    assert not caplog.records
