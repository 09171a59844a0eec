"""Answers on disk: found as they were written, or not at all; a failure of theirs is nobody's error."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.api.places import Place
from pluto_duck.api.work import run_sql
from pluto_duck.runs import Run, cache
from pluto_duck.runs.cache import ResultCache
from pluto_duck.runs.model import Column
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace, create
from tests.governance.policy.conftest import Company, company  # noqa: F401

KEYS = [f"{i:064x}" for i in range(20)]


def rows_file(folder: Path, name: str, size: int = 1_000) -> Path:
    path = folder / f"{name}.rows"
    path.write_bytes(os.urandom(size))
    return path


def keep(kept: ResultCache, key: str, rows: Path) -> bool:
    return kept.keep(key, rows, columns=(Column("a", "INTEGER"),), batches=((3, 10), (4, 20)), data="d",
                     facts={"truncated": False})


def test_what_was_kept_is_found_by_every_process_of_the_workspace(workspace: Workspace, tmp_path: Path) -> None:
    rows = rows_file(tmp_path, "one")
    assert keep(ResultCache(workspace, 1 << 20), KEYS[0], rows)
    found = ResultCache(workspace, 1 << 20).find(KEYS[0], tmp_path / "target")
    assert found is not None
    assert (found.columns, found.batches, found.size) == ((Column("a", "INTEGER"),), ((3, 10), (4, 20)), 1_000)
    assert (tmp_path / "target").read_bytes() == rows.read_bytes()
    assert os.stat(tmp_path / "target").st_ino == os.stat(rows).st_ino  # no byte was copied
    assert {oct(one.stat().st_mode & 0o777) for one in workspace.cache.glob("*.json")} == {"0o600"}
    assert oct(workspace.cache.stat().st_mode & 0o777) == "0o700"
    assert ResultCache(workspace, 1 << 20).find(KEYS[1], tmp_path / "other") is None


def _cut(folder: Path) -> None:
    with open(folder / f"{KEYS[0]}.arrow", "r+b") as file:
        file.truncate(999)


def _flip(folder: Path) -> None:
    with open(folder / f"{KEYS[0]}.arrow", "r+b") as file:
        file.seek(500)
        byte = file.read(1)
        file.seek(500)
        file.write(bytes([byte[0] ^ 1]))


def _record(change: dict[str, Any] | bytes) -> Any:
    def damage(folder: Path) -> None:
        path = folder / f"{KEYS[0]}.json"
        if isinstance(change, bytes):
            path.write_bytes(change)
            return
        record = json.loads(path.read_text())
        record["answer"].update(change)
        path.write_text(json.dumps(record))

    return damage


def _moved(folder: Path) -> None:
    """Under another key."""
    for ending in ("arrow", "json"):
        os.replace(folder / f"{KEYS[1]}.{ending}", folder / f"{KEYS[0]}.{ending}")


def _linked(folder: Path) -> None:
    os.replace(folder / f"{KEYS[0]}.arrow", folder / "elsewhere")
    os.symlink(folder / "elsewhere", folder / f"{KEYS[0]}.arrow")


@pytest.mark.parametrize("damage", [
    _cut, _flip, _moved, _linked, _record({"facts": {"truncated": True}}), _record({"data": "x"}), _record(b""), _record(b"[]"),
    _record(b'{"seal": "", "answer": {}}'), _record(b"\xff{"), lambda folder: (folder / f"{KEYS[0]}.arrow").unlink()])
def test_what_is_not_as_it_was_written_is_no_answer_and_is_removed(workspace: Workspace, tmp_path: Path,
                                                                   damage: Any) -> None:
    kept = ResultCache(workspace, 1 << 20)
    for i in range(2):
        assert keep(kept, KEYS[i], rows_file(tmp_path, str(i)))
    damage(workspace.cache)
    assert kept.find(KEYS[0], tmp_path / "target") is None
    assert not (tmp_path / "target").exists()
    assert not list(workspace.cache.glob(f"{KEYS[0]}*"))


def test_damage_after_it_was_found_once_is_seen_too(workspace: Workspace, tmp_path: Path) -> None:
    kept = ResultCache(workspace, 1 << 20)
    keep(kept, KEYS[0], rows_file(tmp_path, "one"))
    assert kept.find(KEYS[0], tmp_path / "first") is not None
    _flip(workspace.cache)
    assert kept.find(KEYS[0], tmp_path / "second") is None


def test_the_answers_of_a_folder_that_was_copied_are_none(workspace: Workspace, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    keep(ResultCache(workspace, 1 << 20), KEYS[0], rows_file(tmp_path, "one"))
    shutil.copytree(workspace.root, tmp_path / "clone")
    assert ResultCache(create(tmp_path / "clone"), 1 << 20).find(KEYS[0], tmp_path / "a") is None
    monkeypatch.setenv("PLUTODUCK_HOME", str(tmp_path / "another home"))
    assert ResultCache(workspace, 1 << 20).find(KEYS[0], tmp_path / "b") is None


def test_what_was_asked_for_longest_ago_makes_room(workspace: Workspace, tmp_path: Path) -> None:
    kept = ResultCache(workspace, 20_000)
    for i in range(4):
        assert keep(kept, KEYS[i], rows_file(tmp_path, str(i), 4_000))
        os.utime(workspace.cache / f"{KEYS[i]}.json", (time.time() - 100 + i,) * 2)
    assert kept.find(KEYS[0], tmp_path / "again") is not None
    assert keep(kept, KEYS[4], rows_file(tmp_path, "4", 4_000))
    assert {one.stem for one in workspace.cache.glob("*.arrow")} == {KEYS[i] for i in (0, 2, 3, 4)}
    assert not keep(kept, KEYS[5], rows_file(tmp_path, "5", 5_001))  # more than a quarter
    answers, size = kept.usage()
    assert (answers, size <= 20_000) == (4, True)


def test_what_a_crash_left_goes_and_foreign_files_stay(workspace: Workspace, tmp_path: Path) -> None:
    kept = ResultCache(workspace, 1 << 20)
    keep(kept, KEYS[0], rows_file(tmp_path, "one"))
    left = [f"{'a' * 32}.tmp", f"{KEYS[7]}.arrow", f"{KEYS[8]}.json"]
    for name in [*left, "notes.txt", "letter.arrow"]:
        (workspace.cache / name).write_text("x")
        os.utime(workspace.cache / name, (1, 1))
    fresh = workspace.cache / f"{'b' * 32}.tmp"
    fresh.write_text("somebody is writing it")
    keep(kept, KEYS[1], rows_file(tmp_path, "two"))
    there = {one.name for one in workspace.cache.iterdir()}
    assert not there & set(left)
    assert {"notes.txt", "letter.arrow", fresh.name} < there
    assert kept.find(KEYS[0], tmp_path / "target") is not None


def test_answers_go_after_the_days_that_runs_are_kept(workspace: Workspace, tmp_path: Path) -> None:
    kept = ResultCache(workspace, 1 << 20, keep_days=7)
    keep(kept, KEYS[0], rows_file(tmp_path, "one"))
    for one in workspace.cache.iterdir():
        os.utime(one, (1e9, 1e9))
    for i in (1, 2):  # the rows once their record is gone
        keep(kept, KEYS[i], rows_file(tmp_path, str(i)))
    assert not list(workspace.cache.glob(f"{KEYS[0]}*"))


@pytest.mark.parametrize("key", ["", "../x", "a" * 63, "A" * 64, "g" * 64, "/" + "a" * 63])
def test_only_keys_of_ours_are_names_of_files(workspace: Workspace, tmp_path: Path, key: str) -> None:
    kept = ResultCache(workspace, 1 << 20)
    assert not keep(kept, key, rows_file(tmp_path, "one"))
    assert kept.find(key, tmp_path / "target") is None


def test_without_links_the_rows_are_copied(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(cache.os, "link", refuse)
    kept, rows = ResultCache(workspace, 1 << 20), rows_file(tmp_path, "one")
    assert keep(kept, KEYS[0], rows)
    assert kept.find(KEYS[0], tmp_path / "target") is not None
    assert (tmp_path / "target").read_bytes() == rows.read_bytes()


# -- runs -----------------------------------------------------------------------------------------

@pytest.fixture
def place(workspace: Workspace) -> Iterator[Place]:
    made = Place("w", workspace)
    yield made
    made.close()


def done(place: Place, sql: str, **more: Any) -> Run:
    run = place.runs.wait(place.runs.start("sql", sql, run_sql(place, sql, None, max_rows=10**6), **more).run_id, 30)
    assert run.done
    return run


@pytest.mark.root
def test_a_full_disk_keeps_nothing_and_hinders_nobody(place: Place, workspace: Workspace) -> None:
    place.ask(lambda session: session.query("CREATE TABLE t AS SELECT range AS i FROM range(100000)"))
    workspace.cache.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(workspace.cache)], check=True)
    try:
        for _ in range(2):
            run = done(place, "FROM t")  # 800 kB, which is on another file system and must be copied
            assert (run.status, run.facts["cache"], run.row_count) == ("succeeded", "miss", 100_000)
        while place.cache is None or place.cache._going:  # what it tries to keep it tries after the run
            time.sleep(0.01)
        assert list(workspace.cache.iterdir()) == []
        small = [done(place, "SELECT count(*) FROM t").facts["cache"] for _ in range(2)]
        assert small == ["miss", "hit"]
    finally:
        subprocess.run(["umount", str(workspace.cache)], check=True)


def test_a_folder_that_can_t_be_written_keeps_nothing(place: Place, workspace: Workspace) -> None:
    workspace.cache.write_text("a file where the folder should be")
    assert [done(place, "SELECT 1").facts["cache"] for _ in range(2)] == ["miss", "miss"]


def test_a_hit_is_a_run_as_any_other(place: Place) -> None:
    sql = "SELECT range AS i, 'x' AS s FROM range(150000)"
    first, second = done(place, sql), done(place, sql)
    assert [one.facts["cache"] for one in (first, second)] == ["miss", "hit"]
    assert place.runs.result(first.run_id).arrow() == place.runs.result(second.run_id).arrow()
    told = [[(one.type, one.subtype, one.content) for one in place.runs.read_events(run.run_id) if one.type == "rows"]
            for run in (first, second)]
    assert told[0] == told[1]
    assert (first.columns, first.batches, first.size) == (second.columns, second.batches, second.size)
    assert place.runs.cache_counts() == {"miss": 1, "hit": 1}


def test_a_cut_answer_stays_cut(place: Place) -> None:
    runs = []
    for _ in range(2):
        work = run_sql(place, "SELECT range AS i FROM range(9)", None, max_rows=5)
        runs.append(place.runs.wait(place.runs.start("sql", "x", work).run_id, 30))
    assert [(one.facts["cache"], one.facts["truncated"], one.row_count) for one in runs] == [
        ("miss", True, 5), ("hit", True, 5)]


def test_those_who_ask_for_the_same_at_once_compute_it_once(place: Place) -> None:
    place.ask(lambda session: session.query("CREATE TABLE t AS SELECT range AS i FROM range(2000000)"))
    sql = "SELECT count(DISTINCT hash(i)) AS n FROM t"
    started = [place.runs.start("sql", sql, run_sql(place, sql, None, max_rows=10)) for _ in range(4)]
    found = [place.runs.wait(one.run_id, 60) for one in started]
    assert sorted(one.facts["cache"] for one in found) == ["hit", "hit", "hit", "miss"]
    assert {place.runs.result(one.run_id).scalar() for one in found} == {2_000_000}


def test_who_waits_for_another_can_be_cancelled_and_outlives_its_failure(workspace: Workspace) -> None:
    kept = ResultCache(workspace, 1 << 20)
    inside, leave, order = threading.Event(), threading.Event(), list[str]()

    def first() -> None:
        with suppress(ValueError), kept.turn(KEYS[0], lambda: None):
            inside.set()
            leave.wait(10)
            raise ValueError("failed")

    def check() -> None:
        raise InterruptedError

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    with pytest.raises(InterruptedError), kept.turn(KEYS[0], check):
        order.append("never")
    with kept.turn(KEYS[1], check):
        order.append("another key")
    leave.set()
    with kept.turn(KEYS[0], lambda: None):
        order.append("after")
    thread.join()
    assert order == ["another key", "after"]


def test_it_can_be_switched_off(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUTODUCK_QUERY__CACHE", "false")
    place = Place("w", workspace)
    try:
        run = done(place, "SELECT 1")
        assert (run.facts["cache"], run.facts["cache_why"]) == ("bypass", "it is switched off")
        assert not workspace.cache.exists()
    finally:
        place.close()


def test_a_policy_that_changed_while_it_ran_keeps_nothing(company: Company) -> None:  # noqa: F811
    """What came of the new rules must not be found under the old ones when they come back."""
    from pluto_duck.runs.answers import answered

    policy = "version: 1\nroles:\n  r: {grants: [{tables: t, actions: read, rows: i < 5}]}\n"
    company.owner.query("CREATE TABLE t AS SELECT range AS i FROM range(10)")
    company.allow(policy)
    reader, place = company.as_("r"), Place("w", company.workspace)

    def work(widen: bool) -> Run:
        def inner(run: Any) -> dict[str, Any]:
            def compute() -> dict[str, Any]:
                if widen:
                    company.allow(policy.replace("i < 5", "i < 8"))
                with reader.stream("FROM t") as stream:
                    facts: dict[str, Any] = run.write_stream(stream)
                if widen:
                    company.allow(policy)
                return facts

            return answered(run, place.cache, lambda: reader.stamp("FROM t"), compute)

        return place.runs.wait(place.runs.start("sql", "FROM t", inner).run_id, 120)

    try:
        assert work(widen=True).row_count == 8
        again = work(widen=False)
        assert (again.status, again.error) == ("succeeded", None)
        assert (again.row_count, again.facts["cache"]) == (5, "miss")
        assert work(widen=False).facts["cache"] == "hit"
    finally:
        place.close()


def test_sessions_never_share_what_they_wrote_and_did_not_commit(place: Place) -> None:
    place.ask(lambda session: session.query("CREATE TABLE t AS SELECT 1 AS i"))
    assert done(place, "FROM t").row_count == 1
    with Session.open(place.workspace.root) as writer:
        writer.query("BEGIN; INSERT INTO t VALUES (2)")
        assert (done(place, "FROM t").facts["cache"], done(place, "FROM t").row_count) == ("hit", 1)
        writer.query("COMMIT")
    assert (done(place, "FROM t").facts["cache"], done(place, "FROM t").row_count) == ("miss", 2)
