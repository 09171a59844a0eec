"""However much has happened at the source meanwhile, it does not come to lie in memory."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from pluto_duck.ingest.follow import applying, state, stream
from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.ingest.follow.follower import begun
from tests.ingest.follow.same import assert_same, follow
from tests.services.postgres import Database

ROW = "repeat(md5(i::text), {})"


def test_a_long_transaction_goes_through_in_pieces_and_is_seen_whole(
        session: Session, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "AHEAD_BYTES", 200_000)
    monkeypatch.setattr(applying, "BYTES", 300_000)
    monkeypatch.setattr(applying, "CHANGES", 700)
    database.run("CREATE TABLE t (id int PRIMARY KEY, v text, a int[])", "CREATE TABLE other (id int PRIMARY KEY)",
                 "INSERT INTO t SELECT i, 'old', '{1}' FROM generate_series(1, 500) i")
    follow(session, database)
    database.run(f"BEGIN; INSERT INTO t SELECT i, {ROW.format(4)}, array[i] FROM generate_series(501, 9000) i; "
                 "UPDATE t SET v = v || 'x', a = a || 2 WHERE id % 3 = 0; DELETE FROM t WHERE id % 7 = 0; "
                 "INSERT INTO other SELECT generate_series(1, 50); UPDATE t SET id = id + 20000 WHERE id % 11 = 0; "
                 "INSERT INTO t SELECT i * 7, 'again', NULL FROM generate_series(1, 300) i WHERE i % 11 <> 0; COMMIT",
                 "BEGIN; TRUNCATE other; INSERT INTO other SELECT generate_series(1, 2000); COMMIT")
    held, ahead, seen = [0], [0], set()
    plain_flush, plain_give = applying.Applier.flush, stream.Stream._give

    def flush(self: applying.Applier) -> None:
        held.append(self._count)
        with Session.open(session.workspace.root) as reader:
            seen.update(reader.query("SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM other)").rows())
        plain_flush(self)

    def give(self: stream.Stream, chunk: list[bytes | stream.Position]) -> None:
        ahead.append(self._bytes)
        plain_give(self, chunk)

    monkeypatch.setattr(applying.Applier, "flush", flush)
    monkeypatch.setattr(stream.Stream, "_give", give)
    follow(session, database)
    assert len(held) > 10
    assert max(held) <= 700
    assert max(ahead) <= 200_000
    assert (500, 0) in seen
    assert len(seen) <= 3, "between the transactions nothing is ever seen"
    assert_same(session, database, tmp_path / "fresh", "t", "other")


def test_many_transactions_do_not_come_to_be_one(session: Session, database: Database,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "CHANGES", 150)
    database.run("CREATE TABLE t (id int PRIMARY KEY)")
    follow(session, database)
    database.run(*(f"INSERT INTO t SELECT generate_series({at}, {at + 99})" for at in range(0, 2000, 100)))
    commits, plain = [0], applying.Applier.commit

    def commit(self: applying.Applier) -> state.Follow:
        commits.append(self.waiting)
        return plain(self)

    monkeypatch.setattr(applying.Applier, "commit", commit)
    follow(session, database)
    # What was taken to the tables in the midst of one is committed with its end, not with that of them all.
    assert max(commits) <= 300
    assert session.query("SELECT count(*) FROM t").scalar() == 2000


GROWTH_MB = 150
"""What a follower may take for a backlog over what it took for a few changes, however large the backlog."""


class Backlog:
    """A source, and followers in processes of their own that are measured."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.root = create(folder / "w").root
        self.database = database
        self._at = 10_000
        database.run("CREATE TABLE t (id int PRIMARY KEY, v text)",
                     "INSERT INTO t SELECT i, 'old' FROM generate_series(1, 1000) i")
        self.followed()

    def many(self, megabytes: int) -> None:
        """Transactions of one megabyte."""
        with self.database.connect() as connection:
            for _ in range(megabytes):
                connection.execute(f"INSERT INTO t SELECT i, {ROW.format(32)} FROM "
                                   f"generate_series({self._at}, {self._at + 999}) i")
                self._at += 1000

    def one(self, megabytes: int) -> None:
        """In one transaction: half of it new, half changed."""
        rows = megabytes * 500
        self.database.run(f"BEGIN; INSERT INTO t SELECT i, {ROW.format(32)} FROM "
                          f"generate_series({self._at}, {self._at + rows - 1}) i; UPDATE t SET v = {ROW.format(31)} "
                          f"FROM (SELECT generate_series({self._at}, {self._at + rows - 1}) AS i) AS s WHERE id = i; "
                          "COMMIT")
        self._at += rows

    def followed(self) -> int:
        """Until there is nothing more; the most memory that took, in MB."""
        process = begun(self.root, self.database.uri, once=True)
        said, _ = process.communicate(timeout=3000)
        found = re.search(r"peak (\d+) MB", said)
        assert process.returncode == 0, said
        assert found is not None
        return int(found[1])

    def assert_same(self) -> None:
        asked = "SELECT count(*), sum(length(v)), md5(string_agg(md5(v), '' ORDER BY id)) FROM t"
        with Session.open(self.root) as session:
            ours = session.query(asked).rows()
        assert [tuple(map(str, one)) for one in ours] == [tuple(map(str, one)) for one in self.database.run(asked)]


@pytest.mark.skipif(sys.platform != "linux", reason="what memory a process took is told otherwise elsewhere")
def test_a_large_transaction_takes_no_memory_to_speak_of(tmp_path: Path, database: Database) -> None:
    backlog = Backlog(tmp_path, database)
    database.run("UPDATE t SET v = 'new' WHERE id <= 100")
    idle = backlog.followed()
    backlog.one(60)
    assert backlog.followed() < idle + GROWTH_MB
    backlog.assert_same()


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["many", "one"])
def test_a_gigabyte_of_backlog_takes_no_memory_to_speak_of(tmp_path: Path, database: Database, kind: str) -> None:
    backlog = Backlog(tmp_path, database)
    database.run("UPDATE t SET v = 'new' WHERE id <= 100")
    peaks = {0: backlog.followed()}
    for megabytes in (60, 300, 1024):
        getattr(backlog, kind)(megabytes)
        peaks[megabytes] = backlog.followed()
        print(f"{kind}: {megabytes} MB of backlog, peak memory {peaks[megabytes]} MB; for a few changes {peaks[0]} MB")
    assert max(peaks.values()) < peaks[0] + GROWTH_MB
    backlog.assert_same()
