"""Whatever is done to the file without the user's key is found, and told where."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluto_duck.governance.audit import Chain, Entry, verify
from pluto_duck.governance.audit.chain import Head
from pluto_duck.workspace import Workspace, create
from tests.governance.audit.conftest import entries

COUNT = 30
Tamper = Callable[[sqlite3.Connection], object]


def raw(path: Path, tamper: Tamper) -> None:
    """As somebody with the file and any tool would."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    tamper(db)
    db.execute("COMMIT")
    db.close()


def swap(db: sqlite3.Connection, one: int, other: int) -> None:
    db.execute("UPDATE audit SET seq = -1 WHERE seq = ?", (one,))
    db.execute("UPDATE audit SET seq = ? WHERE seq = ?", (one, other))
    db.execute("UPDATE audit SET seq = ? WHERE seq = -1", (other,))


def take_out_and_close_up(db: sqlite3.Connection, seq: int) -> None:
    db.execute("DELETE FROM audit WHERE seq = ?", (seq,))
    for row in db.execute("SELECT seq FROM audit WHERE seq > ? ORDER BY seq", (seq,)).fetchall():
        db.execute("UPDATE audit SET seq = ? WHERE seq = ?", (row[0] - 1, row[0]))


def push_in(db: sqlite3.Connection, seq: int) -> None:
    """A copy of another row in a place made for it."""
    for row in db.execute("SELECT seq FROM audit WHERE seq >= ? ORDER BY seq DESC", (seq,)).fetchall():
        db.execute("UPDATE audit SET seq = ? WHERE seq = ?", (row[0] + 1, row[0]))
    db.execute("INSERT INTO audit (seq, body, prev, mac, key) SELECT ?, body, prev, mac, key FROM audit WHERE seq = 3",
               (seq,))


def add_one(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO audit (seq, body, prev, mac, key) SELECT 31, '{}', mac, mac, key FROM audit WHERE seq = 30")
    db.execute("UPDATE audit_head SET seq = 31")


def another_head(db: sqlite3.Connection, seq: int) -> None:
    """The end cut off, and the head set back to fit."""
    db.execute("DELETE FROM audit WHERE seq > ?", (seq,))
    db.execute("UPDATE audit_head SET seq = ?, mac = coalesce((SELECT mac FROM audit WHERE seq = ?), mac)", (seq, seq))


def another_start(db: sqlite3.Connection) -> None:
    """The beginning cut off, as if it had been pruned."""
    db.execute("UPDATE audit_head SET start = 5, start_mac = (SELECT mac FROM audit WHERE seq = 5)")
    db.execute("DELETE FROM audit WHERE seq <= 5")


MATRIX: dict[str, tuple[Tamper, int, str]] = {
    "a name changed": (lambda db: db.execute(
        "UPDATE audit SET body = replace(body, 'key 1', 'key 2') WHERE seq = 8"), 8, "was changed"),
    "deny made allow": (lambda db: db.execute(
        "UPDATE audit SET body = json_set(body, '$.decision', 'deny') WHERE seq = 9"), 9, "was changed"),
    "a number moved in time": (lambda db: db.execute(
        "UPDATE audit SET body = json_set(body, '$.at', 1) WHERE seq = 9"), 9, "was changed"),
    "one taken out": (lambda db: db.execute("DELETE FROM audit WHERE seq = 12"), 13, "rows 12 to 12 are missing"),
    "many taken out": (lambda db: db.execute("DELETE FROM audit WHERE seq BETWEEN 12 AND 20"), 21, "rows 12 to 20"),
    "one taken out and the rest renumbered": (lambda db: take_out_and_close_up(db, 12), 12, "written as number 13"),
    "two swapped": (lambda db: swap(db, 4, 7), 4, "written as number 7"),
    "one pushed in": (lambda db: push_in(db, 10), 10, "written as number 3"),
    "one made up at the end": (add_one, 31, "was not written here"),
    "a link changed": (lambda db: db.execute("UPDATE audit SET prev = zeroblob(32) WHERE seq = 6"), 6, "link"),
    "an HMAC changed": (lambda db: db.execute("UPDATE audit SET mac = zeroblob(32) WHERE seq = 6"), 6, "was changed"),
    "another type": (lambda db: db.execute("UPDATE audit SET mac = 'x' WHERE seq = 6"), 6, "not one that was written"),
    "another key": (lambda db: db.execute("UPDATE audit SET key = 'x' WHERE seq = 6"), 6, "another key"),
    "the end cut off": (lambda db: db.execute("DELETE FROM audit WHERE seq > 25"), 25, "the end is cut off"),
    "the end cut off with its head": (lambda db: another_head(db, 25), 0, "the head of the chain was changed"),
    "the beginning cut off": (lambda db: db.execute("DELETE FROM audit WHERE seq < 5"), 5, "rows 1 to 4 are missing"),
    "the beginning cut off with its head": (another_start, 0, "the head of the chain was changed"),
    "no head": (lambda db: db.execute("DELETE FROM audit_head"), 0, "the head of the chain is missing"),
    "nothing left": (lambda db: (db.execute("DELETE FROM audit"), db.execute("DELETE FROM audit_head")), 0, "is gone"),
    "a trigger": (lambda db: db.execute(
        "CREATE TRIGGER t BEFORE INSERT ON audit BEGIN SELECT RAISE(IGNORE); END"), 0, "trigger"),
    "another index": (lambda db: (db.execute("DROP INDEX audit_who"), db.execute(
        "CREATE INDEX audit_who ON audit (who) WHERE seq < 4")), 0, "not as it was made"),
}


@pytest.mark.parametrize("name", MATRIX)
def test_each_way_of_tampering_is_found_and_told_where(chain: Chain, name: str) -> None:
    tamper, seq, said = MATRIX[name]
    chain.append(entries(COUNT))
    assert verify(chain).whole
    raw(chain.workspace.control, tamper)
    found = verify(chain)
    assert not found.whole
    assert any(one.seq == seq and said in one.what for one in found.problems), found.problems


def test_a_row_of_another_workspace_is_no_row_of_this_one(chain: Chain, tmp_path: Path) -> None:
    other = Chain(create(tmp_path / "other"))
    chain.append(entries(COUNT))
    other.append(entries(COUNT, 100))
    other.close()
    source = sqlite3.connect(other.workspace.control)
    row = source.execute("SELECT body, prev, mac, key FROM audit WHERE seq = 10").fetchone()
    source.close()
    raw(chain.workspace.control, lambda db: db.execute(
        "UPDATE audit SET body = ?, prev = ?, mac = ?, key = ? WHERE seq = 10", row))
    assert [one.seq for one in verify(chain).problems] == [10, 11]


def test_the_whole_chain_of_another_workspace_is_told_from_ones_own(chain: Chain, tmp_path: Path) -> None:
    other = Chain(create(tmp_path / "other"))
    chain.append(entries(3))
    other.append(entries(9))
    other.close()
    chain.control.close()
    shutil.copy(other.workspace.control, chain.workspace.control)
    assert any("another chain" in one.what for one in verify(Chain(chain.workspace)).problems)


def test_an_old_copy_of_the_store_is_found_against_an_exported_head(workspace: Workspace) -> None:
    chain = Chain(workspace)
    chain.append(entries(10))
    chain.close()
    old = workspace.control.read_bytes()
    chain = Chain(workspace)
    chain.append(entries(10, 10))
    exported = json.dumps(chain.export_head())
    chain.close()
    workspace.control.write_bytes(old)
    chain = Chain(workspace)
    head = chain.imported(exported)
    assert head.seq == 20
    chain.accept()  # even where this machine has forgotten
    assert verify(chain).whole, "an old copy is whole in itself"
    found = verify(chain, [head])
    assert [(one.seq, "cut off" in one.what) for one in found.problems] == [(20, True)]
    chain.append(entries(30, 50))
    assert [one.seq for one in verify(chain, [head]).problems] == [20], "also when it has grown again"
    for change in ('"seq": 20', '"seq": 2'), ('"seq": 20', '"seq": 21'), ('"signature": "', '"signature": "00'):
        with pytest.raises(ValueError, match=r"signature"):
            chain.imported(exported.replace(*change))
    for text in ("", "[]", "{}", '{"chain": 1}'):
        with pytest.raises(ValueError):
            chain.imported(text)
    chain.close()


def test_an_old_copy_of_the_store_is_found_by_what_this_machine_has_seen(workspace: Workspace) -> None:
    chain = Chain(workspace)
    chain.append(entries(10))
    chain.close()
    old = workspace.control.read_bytes()
    chain = Chain(workspace)
    chain.append(entries(10, 10))
    chain.close()
    workspace.control.write_bytes(old)
    chain = Chain(workspace)
    assert ["what this machine has seen" in one.what for one in verify(chain).problems] == [True]
    chain.append(entries(20, 30))
    found = verify(chain)
    assert any("noticed when this row was written" in one.what for one in found.problems), "going on hides nothing"
    chain.append([Entry("audit.accept", detail={"why": "restored from a backup"})])
    chain.accept()
    found = verify(chain)
    assert found.whole, found.problems
    assert "restored from a backup" in found.notes[0].what
    chain.close()


@pytest.mark.parametrize("name", [
    "the end cut off", "the end cut off with its head", "no head", "the beginning cut off with its head", "nothing left",
    "one made up at the end"])
def test_going_on_does_not_cover_a_break_up(chain: Chain, name: str) -> None:
    chain.append(entries(COUNT))
    raw(chain.workspace.control, MATRIX[name][0])
    chain.append(entries(5, 50))
    chain.close()
    chain = Chain(chain.workspace)
    chain.append(entries(5, 60))
    found = verify(chain)
    assert not found.whole
    chain.close()


def test_a_row_that_was_not_kept_is_an_error(chain: Chain) -> None:
    from pluto_duck.errors import AuditUnavailable

    chain.append(entries(3))
    raw(chain.workspace.control, MATRIX["a trigger"][0])
    with pytest.raises(AuditUnavailable):
        chain.append(entries(1))


@given(seed=st.integers(0, 2**32), kinds=st.lists(st.sampled_from(
    ["body", "prev", "mac", "seq", "delete", "swap", "copy", "insert", "head", "tail"]), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_tampering_is_found(workspace: Workspace, seed: int, kinds: list[str]) -> None:
    chance = random.Random(seed)
    workspace.control.unlink(missing_ok=True)
    for extra in ("-wal", "-shm"):
        workspace.control.with_name(workspace.control.name + extra).unlink(missing_ok=True)
    chain = Chain(workspace)
    chain._mark.set(None)
    chain.append(entries(12))
    chain.append(entries(8, 12))
    before = dump(workspace)
    for kind in kinds:
        raw(workspace.control, lambda db, kind=kind: at_random(db, kind, chance))  # type: ignore[misc]
    found = verify(chain)
    assert found.whole == (dump(workspace) == before), (kinds, found.problems)
    if found.whole:
        chain.append(entries(2, 70))
    chain.close()


def dump(workspace: Workspace) -> list[object]:
    db = sqlite3.connect(workspace.control)
    try:
        return [db.execute(f"SELECT * FROM {one}").fetchall() for one in ("audit", "audit_head")]
    finally:
        db.close()


def at_random(db: sqlite3.Connection, kind: str, chance: random.Random) -> None:
    numbers = [row[0] for row in db.execute("SELECT seq FROM audit ORDER BY seq").fetchall()] or [1]
    one, other = chance.choice(numbers), chance.choice(numbers)
    if kind in ("prev", "mac"):
        at = chance.randrange(32)
        value = db.execute(f"SELECT {kind} FROM audit WHERE seq = ?", (one,)).fetchone()
        if value is not None:
            changed = bytearray(value[0])
            changed[at] ^= 1 << chance.randrange(8)
            db.execute(f"UPDATE audit SET {kind} = ? WHERE seq = ?", (bytes(changed), one))
    elif kind == "body":
        found = db.execute("SELECT body FROM audit WHERE seq = ?", (one,)).fetchone()
        if found is not None:
            at = chance.randrange(len(found[0]))
            text = found[0][:at] + chance.choice(" x0") + found[0][at + chance.randrange(2):]
            try:
                db.execute("UPDATE audit SET body = ? WHERE seq = ?", (text, one))
            except sqlite3.OperationalError:
                pass  # no JSON: the index on it refuses
    elif kind == "seq":
        db.execute("UPDATE OR IGNORE audit SET seq = ? WHERE seq = ?", (chance.randrange(1, 40), one))
    elif kind == "delete":
        db.execute("DELETE FROM audit WHERE seq = ?", (one,))
    elif kind == "swap" and one != other:
        swap(db, one, other)
    elif kind == "copy":
        db.execute("INSERT OR IGNORE INTO audit (seq, body, prev, mac, key) SELECT ?, body, prev, mac, key FROM audit "
                   "WHERE seq = ?", (max(numbers) + 1, one))
    elif kind == "insert":
        take_out_and_close_up(db, one)
        push_in(db, min(other, max(numbers) - 1) or 1)
    elif kind == "head":
        another_head(db, one)
    elif kind == "tail":
        db.execute("DELETE FROM audit WHERE seq >= ?", (one,))


def test_heads_fit_whatever_was_appended_since(chain: Chain) -> None:
    heads: list[Head] = []
    for i in range(5):
        chain.append(entries(7, i * 7))
        heads.append(chain.imported(json.dumps(chain.export_head())))
    assert verify(chain, heads).whole
