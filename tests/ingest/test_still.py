"""A load that finds nothing new twice asks one question the third time; whatever moves, it goes its whole way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pluto_duck.errors import PlutoError
from pluto_duck.ingest import LoadReport, ingest
from pluto_duck.ingest.attempts import history
from pluto_duck.ingest.connectors.postgres import PostgresConnector
from pluto_duck.session import Session
from tests.services.postgres import Database

EVENTS = ("CREATE TYPE {t}_mood AS ENUM ('ok', 'bad')",
          "CREATE TABLE {t} (id int PRIMARY KEY, name text, at timestamp, amount numeric, mood {t}_mood, spare text)",
          "INSERT INTO {t} SELECT i, 'name ' || i, timestamp '2024-01-01' + i * interval '1 hour', i / 4.0, 'ok' "
          "FROM generate_series(1, 100) AS i")

@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Each look at the shape of the source."""
    seen: list[object] = []
    discover = PostgresConnector.discover

    def note(self: Any, *args: Any, **keywords: Any) -> Any:
        seen.append(args)
        return discover(self, *args, **keywords)

    monkeypatch.setattr(PostgresConnector, "discover", note)
    return seen


class Loads:
    """Loads of tables like EVENTS from one database."""

    def __init__(self, session: Session, database: Database, looked: list[object]) -> None:
        self.session, self.database, self.looked = session, database, looked

    def __call__(self, table: str, **options: Any) -> LoadReport:
        self.looked.clear()
        return ingest(self.session, self.database.uri,
                      **{"tables": [table], "mode": "merge", "cursor": "at", **options})

    def settled(self, table: str, **options: Any) -> str:
        """A new table, loaded until one question is enough."""
        self.database.run(*(statement.replace("{t}", table) for statement in EVENTS))
        for _ in range(2):
            self(table, **options)
        assert self(table, **options).tables[0].rows == 0
        assert not self.looked, table
        return table


@pytest.fixture
def load(session: Session, database: Database, looked: list[object]) -> Loads:
    return Loads(session, database, looked)


def test_nothing_new_is_told_by_one_question_and_recorded(load: Loads, session: Session) -> None:
    load.settled("events")
    before = session.versions()["main.events"]
    report = load("events")
    assert (load.looked, len(report.tables), report.tables[0].rows, report.tables[0].mode) == ([], 1, 0, "merge")
    assert report.tables[0].ref.key == "main.events"
    assert session.versions()["main.events"] == before
    assert session.query("SELECT rows FROM _pluto.loads ORDER BY finished_at").rows() == [(100,), (0,), (0,), (0,)]
    last = history(session)[0]
    assert (last.load_id, last.state, last.rows, last.table, last.source_table) == (
        report.load_id, "succeeded", 0, "main.events", "events")


def test_whatever_moves_at_the_source_is_looked_at(load: Loads, database: Database) -> None:
    for place, change in enumerate((
            "INSERT INTO {t} VALUES (101, 'new', '2024-02-01', 1)", "UPDATE {t} SET amount = 7 WHERE id = 100",
            "ALTER TABLE {t} ADD COLUMN more int", "ALTER TABLE {t} DROP COLUMN spare",
            "ALTER TABLE {t} ALTER COLUMN id TYPE bigint", "ALTER TABLE {t} RENAME COLUMN spare TO other",
            "ALTER TABLE {t} ALTER COLUMN name SET NOT NULL", "ALTER TYPE {t}_mood ADD VALUE 'new'",
            "ALTER TYPE {t}_mood RENAME VALUE 'bad' TO 'worse'", "ALTER TABLE {t} ADD UNIQUE (name)",
            "DELETE FROM {t} WHERE id = 100", "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            "CREATE TABLE twin (LIKE {t} INCLUDING ALL); INSERT INTO twin TABLE {t}; DROP TABLE {t}; "
            "ALTER TABLE twin RENAME TO {t}", "ALTER TABLE {t} ALTER COLUMN amount TYPE numeric(12, 4)")):
        table = load.settled(f"t{place}")
        database.run(*change.replace("{t}", table).split("; "))
        load(table)
        assert load.looked, change
    for place, change in enumerate(("ALTER TABLE {t} RENAME TO gone", "ALTER TABLE {t} DROP CONSTRAINT {t}_pkey")):
        table = load.settled(f"u{place}")
        database.run(change.replace("{t}", table))
        with pytest.raises(PlutoError):
            load(table)


def test_whatever_is_changed_here_is_looked_at(load: Loads, session: Session, tmp_path: Path) -> None:
    for place, change in enumerate((
            "UPDATE {t} SET name = 'mine' WHERE id = 1", "DELETE FROM {t} WHERE id = 7", "DROP TABLE {t}",
            "ALTER TABLE {t} ADD COLUMN mine INTEGER", "BEGIN; DELETE FROM {t}; COMMIT",
            "COPY {t} TO '{folder}/e.parquet'; DELETE FROM {t}; COPY {t} FROM '{folder}/e.parquet'",
            "PREPARE p AS UPDATE {t} SET name = 'mine' WHERE id = 1; EXECUTE p")):
        table = load.settled(f"t{place}")
        for statement in change.replace("{t}", table).replace("{folder}", str(tmp_path)).split("; "):
            session.query(statement)
        load(table)
        assert load.looked, change


def test_what_was_written_past_every_session_is_looked_at_once(load: Loads, session: Session) -> None:
    load.settled("events")
    session.query("CREATE TABLE o (i INT)")
    session.query("PREPARE p AS INSERT INTO o VALUES (1)")
    session.query("EXECUTE p")
    for expected in (True, False):  # what the first of them saw stands
        load("events")
        assert bool(load.looked) is expected


def test_other_wishes_than_last_time_are_looked_at(load: Loads) -> None:
    load.settled("events")
    wishes: tuple[dict[str, Any], ...] = (
        {"columns": "freeze"}, {"key": "id"}, {"where": "id > 3"}, {"lag": "1 day"}, {"skip": "spare"},
        {"since": "2024-01-02"}, {"schema": "public"}, {"tables": ["Events"]}, {"tables": ["event*"]},
        {"into": "other"}, {"verify": True}, {"cast": {"id": "bigint"}}, {"mode": "append"}, {"cursor": "id"},
        {"mode": "replace"})
    for options in wishes:
        load("events", **options)
        assert load.looked, options


def test_the_same_wishes_are_told_at_once_each_time(load: Loads, database: Database) -> None:
    wishes: tuple[dict[str, Any], ...] = (
        {"where": "id > 3"}, {"lag": "1 day"}, {"skip": "spare"}, {"schema": "public"}, {"into": "other"},
        {"mode": "append"}, {"mode": "scd2"}, {"cursor": "id"}, {"columns": "freeze"})
    for place, options in enumerate(wishes):
        table = load.settled(f"t{place}", **options)
        database.run(f"INSERT INTO {table} VALUES (200, 'new', '2024-04-01')")
        assert (load(table, **options).tables[0].inserted, bool(load.looked)) == (1, True), options


def test_a_row_in_the_lag_window_is_seen(load: Loads, database: Database) -> None:
    load.settled("events", lag="1 day")
    database.run("INSERT INTO events VALUES (300, 'late', '2024-01-04 20:00:00')")
    assert load("events", lag="1 day").tables[0].inserted == 1


def test_several_tables_are_told_together_or_not_at_all(load: Loads, database: Database) -> None:
    names = [load.settled("more"), load.settled("events")]
    for _ in range(2):
        load("", tables=names)
    assert ([one.source_name for one in load("", tables=names).tables], load.looked) == (names, [])
    database.run("INSERT INTO more VALUES (200, 'new', '2024-04-01')")
    report = load("", tables=names)
    assert ([(one.source_name, one.rows) for one in report.tables], len(load.looked)) == ([("more", 1), ("events", 0)], 1)


def test_a_search_path_that_leads_elsewhere_is_looked_at(load: Loads, database: Database) -> None:
    load.settled("events")
    database.run("CREATE SCHEMA other", "CREATE TABLE other.events AS TABLE events",
                 "ALTER DATABASE {} SET search_path = other, public".format(database.uri.rpartition("/")[2]))
    load("events", key="id")
    assert load.looked


def test_a_type_whose_text_says_too_little_is_read(load: Loads, database: Database) -> None:
    database.run("CREATE TYPE feeling AS ENUM ('ok')", "CREATE TYPE pair AS (a int, b int)")
    for place, kind in enumerate(("money", "regproc", "feeling[]", "pair")):
        database.run(f"CREATE TABLE odd{place} (id int PRIMARY KEY, x {kind})", f"INSERT INTO odd{place} VALUES (1, NULL)")
        for _ in range(4):
            load(f"odd{place}", cursor="id")
        assert load.looked, kind


def test_a_number_without_declared_digits_is_probed_only_when_rows_are_read(
        load: Loads, monkeypatch: pytest.MonkeyPatch) -> None:
    from pluto_duck.ingest.connectors import postgres_probe as probe

    load.settled("events")
    monkeypatch.setattr(probe, "ask", lambda *_: pytest.fail("the whole table was read"))
    load("events")
