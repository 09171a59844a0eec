"""`connections`: what is asked, what is said, what a script sees."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backends.fail
import pytest

from pluto_duck.cli import main
from pluto_duck.commands import Door, invoke
from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.commands.render import to_text
from pluto_duck.errors import UsageError
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.ingest.memory_keyring import MemoryKeyring

SECRET = "s3cret-77aa"


@pytest.fixture
def here(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(workspace.root)
    return workspace.root


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    before, ring = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def no_ring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    yield
    keyring.set_keyring(before)


def _opens_no_database() -> Session:
    raise AssertionError("connections need no database")


def a_shell(workspace: Workspace, **options: Any) -> Door:
    return Door(open_session=_opens_no_database, workspace=str(workspace.root), **options)


def test_a_person_is_asked_for_the_password_and_it_is_in_the_keyring(
    workspace: Workspace, ring: MemoryKeyring,
) -> None:
    asked: list[str] = []
    door = a_shell(workspace, ask_secret=lambda question: asked.append(question) or SECRET)
    said = str(invoke(["connections", "add", "shop", "postgresql://me@db.example/shop"], door))
    assert asked == ["Password for postgresql://me@db.example/shop (Enter: none, or in ~/.pgpass): "]
    assert said == ("Saved the connection shop: postgresql://me@db.example/shop\n"
                    "Its password is in the keyring (Test).\nNext: pluto-duck connections test shop")
    assert SECRET in str(ring.kept)


@pytest.mark.parametrize("line", [
    ["add", "shop", "PGSERVICE=shop"], ["add", "shop", "env:SHOP_URL"], ["add", "shop", "sales.csv"],
    ["add", "shop", "postgresql://me@db.example/shop", "--no-password"],
    ["add", "shop", "postgresql://me@db.example/shop", "--password-env", "SHOP_PASSWORD"],
    ["add", "shop", f"postgresql://me:{SECRET}@db.example/shop"],
])
def test_nobody_is_asked_for_what_needs_no_answer(workspace: Workspace, ring: MemoryKeyring, line: list[str]) -> None:
    def ask(question: str) -> str:
        raise AssertionError(question)

    said = str(invoke(["connections", *line], a_shell(workspace, ask_secret=ask)))
    assert SECRET not in said


def test_without_a_keyring_nobody_is_asked_for_what_could_not_be_kept(workspace: Workspace, no_ring: None) -> None:
    def ask(question: str) -> str:
        raise AssertionError(question)

    said = str(invoke(["connections", "add", "shop", "postgresql://me@db.example/shop"],
                      a_shell(workspace, ask_secret=ask)))
    assert "No password is kept (this system has no keyring): it comes from ~/.pgpass or PGPASSWORD" in said


def test_a_typed_password_is_kept_and_its_typist_warned(workspace: Workspace, ring: MemoryKeyring) -> None:
    said = str(invoke(["connections", "add", "shop", f"postgresql://me:{SECRET}@db.example/shop"], a_shell(workspace)))
    assert "stands in the history of your shell: next time leave it out, and you are asked." in said
    assert SECRET not in said


def test_a_script_gives_the_password_on_standard_input(
    here: Path, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    assert main(["connections", "add", "shop", "postgresql://me@db.example/shop", "--password-stdin"]) == 0
    assert json.loads(next(iter(ring.kept.values())))["password"] == SECRET
    assert main(["connections", "list", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    listed = json.loads(out[out.index("["):])
    assert [(one["name"], one["address"], one["password"]) for one in listed] == [
        ("shop", "postgresql://me@db.example/shop", "in the keyring")]


def test_without_a_keyring_a_script_fails_with_the_ways_out(
    here: Path, no_ring: None, capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["connections", "add", "shop", f"postgresql://me:{SECRET}@db.example/shop"]) == 3
    err = capsys.readouterr().err
    assert err == """\
Refused: There is nowhere safe to keep a password: this system has no keyring. It is never written into a file.
Hint: Ways without a keyring:
  --password-env SHOP_PASSWORD, a variable that holds the password at each use
  connections add shop env:SHOP_URL, a variable that holds the whole address
  connections add shop postgresql://me@db.example/shop, and a line in ~/.pgpass
  connections add shop PGSERVICE=NAME, an entry of ~/.pg_service.conf
"""


def test_the_test_says_who_answers_and_how_fast(
    workspace: Workspace, postgres_with_password: PrivatePostgres, ring: MemoryKeyring,
) -> None:
    door = a_shell(workspace)
    invoke(["connections", "add", "db", postgres_with_password.uri("postgres")], door)
    text = to_text(invoke(["connections", "test", "db"], door))
    assert text.startswith("db works.\n")
    assert "answers       PostgreSQL 1" in text
    assert "encrypted     no" in text
    assert " ms" in text


def test_a_wrong_password_is_told_as_one(
    workspace: Workspace, postgres_with_password: PrivatePostgres, ring: MemoryKeyring,
    capsys: pytest.CaptureFixture[str],
) -> None:
    port = postgres_with_password.port
    assert main(["-w", str(workspace.root), "connections", "add", "db",
                 f"postgresql://postgres:{SECRET}@127.0.0.1:{port}/postgres"]) == 0
    assert main(["-w", str(workspace.root), "connections", "test", "db"]) == 5
    out, err = capsys.readouterr()
    assert "refused the password" in err
    assert SECRET not in out + err


def test_a_slip_gets_the_nearest_and_no_secret_back(workspace: Workspace) -> None:
    door = a_shell(workspace)
    with pytest.raises(UsageError, match="Did you mean connections list") as caught:
        invoke(["connections", "lst"], door)
    assert "Usage: pluto-duck connections [list|add|test|remove]" in caught.value.hint
    for line in (["connections", "add", "shop", "x.csv", f"postgresql://me:{SECRET}@db.example/shop"],
                 ["connections", f"postgresql://me:{SECRET}@db.example/shop"],
                 ["connections", "remove", "shop", f"postgresql://me:{SECRET}@db.example/shop"]):
        with pytest.raises(UsageError) as caught:
            invoke(line, door)
        assert SECRET not in str(caught.value.to_dict())


def test_a_notebook_has_the_same_verbs(session: Session, ring: MemoryKeyring) -> None:
    door = Door(open_session=lambda: session, kind="notebook")
    assert to_text(invoke(["connections"], door)) == (
        "No connections yet. Make one: %pluto connections add NAME URI")
    invoke(["connections", "add", "sales", "sales.csv"], door)
    assert "sales.csv" in to_text(invoke(["connections"], door))
    assert invoke(["connections", "remove", "sales"], door) == "Removed the connection sales."
    assert "%pluto connections add" in str(invoke(["help", "connections", "add"], door))
