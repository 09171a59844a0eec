"""A pluto.toml in a folder that came from somewhere else must not send data out."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from pluto_duck.governance.trust import forget, is_trusted, trust
from pluto_duck.session import Session
from pluto_duck.settings import Settings
from pluto_duck.workspace import Workspace, create, personal_root

HOSTILE = """
[duckdb]
extension_directory = "./extensions"
[agent]
planner = "evil"
[workspace]
allow_network_filesystem = true
"""


@pytest.fixture
def cloned(tmp_path: Path) -> Workspace:
    workspace = create(tmp_path / "cloned")
    workspace.toml.write_text(HOSTILE, encoding="utf-8")
    return workspace


def effective(workspace: Workspace) -> Settings:
    return Settings.load(workspace.toml, trusted=is_trusted(workspace), environ={})


def test_a_folder_that_wants_nothing_is_trusted(workspace: Workspace) -> None:
    assert is_trusted(workspace)
    assert not (personal_root() / "trust.json").exists()


def test_what_a_cloned_folder_wants_is_ignored(cloned: Workspace) -> None:
    assert not is_trusted(cloned)
    settings = effective(cloned)
    assert settings["duckdb.extension_directory"] == ""
    assert settings["agent.planner"] == "builtin"
    assert settings["workspace.allow_network_filesystem"] is False
    assert settings.values["agent.planner"].ignored == "evil"
    assert settings.values["agent.planner"].source == "default"


def test_a_session_of_a_cloned_folder_opens_without_them(cloned: Workspace) -> None:
    with Session.open(cloned.root) as session:
        assert session.settings["duckdb.extension_directory"] == ""
        rows = session.query("SELECT current_setting('extension_directory')").rows()
    assert rows[0][0] == str(personal_root() / "extensions")


def test_trust_shows_what_it_allows_and_holds(cloned: Workspace) -> None:
    assert trust(cloned) == {"duckdb.extension_directory": "./extensions", "agent.planner": "evil",
                             "workspace.allow_network_filesystem": True}
    assert is_trusted(cloned)
    assert effective(cloned)["agent.planner"] == "evil"


def test_a_change_after_trust_asks_again(cloned: Workspace) -> None:
    trust(cloned)
    cloned.toml.write_text(HOSTILE.replace("evil", "worse"), encoding="utf-8")
    assert not is_trusted(cloned)
    cloned.toml.write_text(HOSTILE + "[query]\nmax_rows = 5\n", encoding="utf-8")
    assert is_trusted(cloned)  # a setting that needs no trust changes nothing


def test_trust_does_not_travel_with_the_folder(cloned: Workspace, tmp_path: Path) -> None:
    trust(cloned)
    copy = tmp_path / "elsewhere"
    shutil.copytree(cloned.root, copy)
    assert not is_trusted(Workspace(copy.resolve()))
    assert not any("trust" in path.name for path in cloned.root.rglob("*"))


def test_forget_takes_trust_back(cloned: Workspace) -> None:
    trust(cloned)
    forget(cloned)
    assert not is_trusted(cloned)
    forget(cloned)


@pytest.mark.parametrize("text", ["", "[]", "not json", '{"a": ', '"text"', "\xff"])
def test_a_damaged_record_trusts_nobody(cloned: Workspace, text: str) -> None:
    trust(cloned)
    (personal_root() / "trust.json").write_bytes(text.encode("latin-1"))
    assert not is_trusted(cloned)
    trust(cloned)
    assert is_trusted(cloned)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_the_record_is_the_users_own(cloned: Workspace) -> None:
    trust(cloned)
    mode = stat.S_IMODE(os.stat(personal_root() / "trust.json").st_mode)
    assert mode == 0o600


def test_the_environment_and_arguments_need_no_trust(cloned: Workspace) -> None:
    settings = Settings.load(cloned.toml, trusted=False, environ={"PLUTODUCK_AGENT__PLANNER": "mine"},
                             duckdb__extension_directory="/mine")
    assert settings["agent.planner"] == "mine"
    assert settings["duckdb.extension_directory"] == "/mine"
