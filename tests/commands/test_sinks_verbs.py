"""`sinks ...`: where changes go."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from pluto_duck.commands import Door, exit_code, invoke
from pluto_duck.commands.relaying import Relays
from pluto_duck.commands.render import to_chunks
from pluto_duck.errors import Refused, TargetError, UnknownName, UsageError
from pluto_duck.events.sinkstore import Sinks
from pluto_duck.governance import trust
from pluto_duck.session import Session
from pluto_duck.workspace.tableref import TableRef
from tests.events.memory import replay
from tests.events.test_file_sink import events_in
from tests.events.test_relay import until
from tests.ingest import memory_keyring


@pytest.fixture
def door(session: Session) -> Door:
    session.query("CREATE TABLE things (id INTEGER PRIMARY KEY, text VARCHAR)")
    session.query("INSERT INTO things VALUES (1, 'one')")
    session.track(TableRef("things"))
    return Door(lambda: session, kind="notebook")


def shown(value: object) -> str:
    return "".join(to_chunks(value, max_rows=50, width=200))


def say(door: Door, line: str) -> str:
    return shown(invoke(line.split(), door))


def test_a_sink_from_its_making_to_its_end(door: Door, session: Session) -> None:
    assert "No sinks yet" in say(door, "sinks")
    assert "Added the sink archive" in say(door, "sinks add archive --kind file -o folder=changes")
    assert "nobody delivers" in say(door, "sinks list")
    assert "2 changes were delivered" in say(door, "sinks run archive --until-caught-up")
    folder = session.workspace.root / "changes"
    assert replay(events_in(folder)) == {"things": {1: "one"}}
    say(door, "sinks pause archive")
    assert "paused" in say(door, "sinks status archive")
    session.query("INSERT INTO things VALUES (2, 'two')")
    say(door, "sinks run archive --until-caught-up")
    assert len(events_in(folder)) == 2
    say(door, "sinks resume archive")
    say(door, "sinks run archive --until-caught-up")
    assert replay(events_in(folder)) == {"things": {1: "one", 2: "two"}}
    assert "Removed" in say(door, "sinks remove archive")
    assert len(events_in(folder)) == 3
    with pytest.raises(UnknownName):
        say(door, "sinks status archive")


def test_a_sink_from_now_on_gets_only_what_is_new(door: Door, session: Session) -> None:
    say(door, "sinks add new --kind file -o folder=new --table things --from now")
    session.query("INSERT INTO things VALUES (2, 'two')")
    say(door, "sinks run new --until-caught-up")
    assert [json.loads(one)["data"]["op"] for one in events_in(session.workspace.root / "new")] == ["c"]


@pytest.mark.parametrize(("line", "kind", "says"), [
    ("sinks add x --kind fil -o folder=x", UnknownName, "file"),
    ("sinks add x --kind file", UsageError, "needs the option folder"),
    ("sinks add x --kind file -o folder=x -o format=csv", UsageError, "ndjson"),
    ("sinks add x --kind file -o folder=x --table nothing", UsageError, "no changes of it are kept"),
    ("sinks add 1x --kind file -o folder=x", UsageError, "name of a sink"),
    ("sinks add x --kind kafka -o bootstrap=h:1 -o security=SASL_SSL -o sasl=PLAIN -o username=me -o password=hunter2",
     UsageError, "never the secret"),
    ("sinks dead x --retry --drop", UsageError, "Either")])
def test_what_makes_no_sense_is_refused(door: Door, line: str, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind) as told:
        say(door, line)
    text = str(told.value) + str(getattr(told.value, "hint", ""))
    assert says in text
    assert "hunter2" not in text


def test_dead_letters_are_shown_tried_again_and_dropped(door: Door, session: Session) -> None:
    from pluto_duck.events.model import DeadLetter, Position

    say(door, "sinks add archive --kind file -o folder=changes")
    say(door, "sinks run archive --until-caught-up")
    known = Sinks(session.control)
    letter = DeadLetter(Position(7, 1), TableRef("things"), '{"subject": "9", "data": {"op": "c"}}', "It was too large.")
    known.went("archive", known.take("archive", "test"), Position(7, 1), dead=[(letter, "c", '{"id":9}')])
    assert "It was too large." in say(door, "sinks dead archive")
    status = invoke(["sinks", "status", "archive"], door)
    assert exit_code(status) == 1
    assert "1 will be tried again" in say(door, "sinks dead archive --retry")
    say(door, "sinks run archive --until-caught-up")
    assert "Everything could be delivered" in say(door, "sinks dead archive")
    assert letter.event in events_in(session.workspace.root / "changes")
    known.went("archive", known.take("archive", "test"), Position(7, 1), dead=[(letter, "c", None)])
    assert "1 are forgotten" in say(door, "sinks dead archive --drop")


def test_a_secret_is_asked_for_kept_in_the_keyring_and_never_shown(door: Door, session: Session,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring")
    ring = memory_keyring.MemoryKeyring()
    before = keyring.get_keyring()
    keyring.set_keyring(ring)
    try:
        door.ask_secret = lambda _: "hunter2"
        say(door, "sinks add events --kind kafka -o bootstrap=far.example:9093 -o security=SASL_SSL "
                  "-o sasl=SCRAM-SHA-512 -o username=me -o password=keyring")
        record = Sinks(session.control).get("events")
        from pluto_duck.commands.relaying import secret_of

        assert secret_of(session.workspace, record)("password") == "hunter2"
        assert "hunter2" not in say(door, "sinks status events") + say(door, "sinks list")
        assert b"hunter2" not in session.workspace.control.read_bytes()
        say(door, "sinks remove events")
        with pytest.raises(Exception, match="no password"):
            secret_of(session.workspace, record)("password")
    finally:
        keyring.set_keyring(before)


def test_a_sink_that_came_with_the_folder_sends_nothing(door: Door, session: Session,
                                                        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    say(door, "sinks add archive --kind file -o folder=changes")
    monkeypatch.setenv("PLUTODUCK_HOME", str(tmp_path / "somebody-else"))
    assert "not made by you" in say(door, "sinks status archive")
    with pytest.raises(TargetError, match="not made by you"):
        say(door, "sinks run archive --until-caught-up")
    relays = Relays(session.workspace)
    relays.start()
    until(lambda: Sinks(session.control).get("archive").state == "failed")
    relays.stop()
    assert not (session.workspace.root / "changes").exists()


def test_sinks_of_a_file_count_once_its_folder_is_trusted(door: Door, session: Session) -> None:
    toml = session.workspace.toml
    toml.write_text(toml.read_text() + '\n[sinks.archive]\nkind = "file"\nfolder = "changes"\n')
    told: list[str] = []
    door.say = told.append
    assert "No sinks yet" in say(door, "sinks")
    assert "trust" in told[0]
    assert "sinks.archive" in str(trust.trust(session.workspace))
    assert "archive" in say(door, "sinks")
    say(door, "sinks run archive --until-caught-up")
    assert len(events_in(session.workspace.root / "changes")) == 2
    with pytest.raises(Refused):
        say(door, "sinks remove archive")
    toml.write_text(toml.read_text().replace('"changes"', '"elsewhere"'))
    with pytest.raises(Refused, match="trust"):
        say(door, "sinks run archive --until-caught-up")
    toml.write_text(toml.read_text().partition("[sinks.")[0])
    assert "No sinks yet" in say(door, "sinks")


def test_a_server_delivers_to_new_sinks_by_itself(door: Door, session: Session) -> None:
    relays = Relays(session.workspace)
    relays.start()
    try:
        say(door, "sinks add archive --kind file -o folder=changes")
        folder = session.workspace.root / "changes"
        until(lambda: folder.exists() and replay(events_in(folder)) == {"things": {1: "one"}}, lambda: say(door, "sinks status archive"))
        assert "running" in say(door, "sinks list")
        session.query("INSERT INTO things VALUES (2, 'two')")
        until(lambda: replay(events_in(folder)) == {"things": {1: "one", 2: "two"}})
        say(door, "sinks remove archive")
        until(lambda: not any(thread.is_alive() for thread, _ in relays._running.values()))
    finally:
        relays.stop()


_HEAVY = """
import sys
from pluto_duck.commands import relaying
print([name for name in ("duckdb", "pyarrow", "pandas", "kafka") if name in sys.modules])
"""


def test_looking_for_sinks_loads_nothing_heavy(tmp_path: Path) -> None:
    import subprocess

    done = subprocess.run([sys.executable, "-c", _HEAVY], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"




def test_the_status_names_what_is_tracked_and_where_it_goes(door: Door, session: Session) -> None:
    assert re.search(r"tracked +1: things", shown(invoke(["status"], door)))
    say(door, "sinks add archive --kind file -o folder=changes")
    say(door, "sinks pause archive")
    assert re.search(r"sinks +archive \(paused\)", shown(invoke(["status"], door)))
    session.untrack(TableRef("things"))
    assert "tracked" not in shown(invoke(["status"], door))
