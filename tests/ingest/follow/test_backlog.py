"""However much has happened at the source meanwhile, it does not come to lie in memory."""

from __future__ import annotations

import os
import re
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


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_gigabyte_of_backlog_takes_no_more_memory_than_a_little(tmp_path: Path, database: Database) -> None:
    root = create(tmp_path / "w").root
    database.run("CREATE TABLE t (id int PRIMARY KEY, v text)", "INSERT INTO t SELECT generate_series(1, 1000), 'old'")
    peaks = []

    def followed() -> float:
        process = begun(root, database.uri, once=True)
        said, _ = process.communicate(timeout=3000)
        found = re.search(r"peak (\d+) MB", said)
        assert process.returncode == 0, said
        assert found is not None
        return float(found[1])

    followed()
    for megabytes in (64, 1024):
        with database.connect() as connection:
            for part in range(megabytes):
                at = part * 1000 + megabytes * 10_000
                connection.execute(f"INSERT INTO t SELECT i, {ROW.format(32)} FROM generate_series({at}, {at + 999}) i "
                                   "ON CONFLICT (id) DO UPDATE SET v = excluded.v")
        peaks.append(followed())
    database.run("BEGIN; UPDATE t SET v = v || '.' WHERE id < 660000; COMMIT")  # and in one
    peaks.append(followed())
    print(f"peak memory of a follower: {peaks[0]:.0f} MB for 64 MB of backlog, {peaks[1]:.0f} MB for 1 GB, "
          f"{peaks[2]:.0f} MB for one transaction")
    assert peaks[1] < peaks[0] + 150
    with Session.open(root) as session:
        ours = session.query("SELECT count(*), sum(length(v)), md5(string_agg(md5(v), '' ORDER BY id)) FROM t").rows()
    assert [tuple(map(str, one)) for one in ours] == [tuple(map(str, one)) for one in database.run(
        "SELECT count(*), sum(length(v)), md5(string_agg(md5(v), '' ORDER BY id)) FROM t")]
    assert os.path.getsize(root / ".pluto-duck" / "workspace.duckdb") > 0
