"""Where a value comes from, and what a pluto.toml may not set by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from pluto_duck.errors import SettingError
from pluto_duck.settings import SETTINGS, Settings, env_name, read_toml, wants_trust


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "pluto.toml"
    path.write_text('[workspace]\nwait_s = 3\n[display]\nmax_rows = 7\n[agent]\nplanner = "elsewhere"\n',
                    encoding="utf-8")
    return path


def test_later_places_win(toml: Path) -> None:
    environ = {"PLUTODUCK_DISPLAY__MAX_ROWS": "8", "PLUTODUCK_RUNS__KEEP_DAYS": "2"}
    settings = Settings.load(toml, environ=environ, runs__keep_days=1)
    seen = {name: (settings[name], settings.values[name].source)
            for name in ("workspace.host", "workspace.wait_s", "display.max_rows", "runs.keep_days")}
    assert seen == {"workspace.host": ("", "default"), "workspace.wait_s": (3.0, str(toml)),
                    "display.max_rows": (8, "environment"), "runs.keep_days": (1, "argument")}


@pytest.mark.parametrize("setting", [one for one in SETTINGS if one.needs_trust], ids=lambda one: one.name)
def test_what_needs_trust_is_ignored_until_it_is_given(setting: object, tmp_path: Path) -> None:
    name, kind = setting.name, setting.kind  # type: ignore[attr-defined]
    section, key = name.split(".")
    raw = {"bool": "true", "int": "7", "float": "7.5", "str": '"http://example.com/x"'}[kind]
    raw = f'"{setting.choices[-1]}"' if setting.choices else raw  # type: ignore[attr-defined]
    path = tmp_path / "pluto.toml"
    path.write_text(f"[{section}]\n{key} = {raw}\n", encoding="utf-8")
    assert list(wants_trust(path)) == [name]
    before = Settings.load(path, environ={})
    assert before[name] == setting.default  # type: ignore[attr-defined]
    assert before.values[name].ignored == wants_trust(path)[name]
    after = Settings.load(path, trusted=True, environ={})
    assert after[name] == wants_trust(path)[name]
    assert after.values[name].ignored is None


def test_whatever_loads_code_or_names_a_host_needs_trust() -> None:
    needs = {one.name for one in SETTINGS if one.needs_trust}
    assert {"duckdb.extension_directory", "agent.planner", "workspace.allow_network_filesystem"} <= needs
    suspicious = ("url", "uri", "endpoint", "host_name", "key", "directory", "planner", "module", "plugin", "token")
    for one in SETTINGS:
        if any(word in one.name for word in suspicious) and one.name != "graphql.max_tokens":  # words of a document
            assert one.needs_trust, one.name


def test_a_folder_that_wants_nothing_needs_no_trust(tmp_path: Path) -> None:
    assert wants_trust(tmp_path / "missing.toml") == {}


@pytest.mark.parametrize(("text", "message"), [
    ("[workspace\n", "not valid TOML"),
    ("host = 'auto'\n", "outside any"),
    ("[workspace]\nhots = 'auto'\n", "workspace.hots"),
    ("[nowhere]\nx = 1\n", "nowhere.x"),
    ("[display]\nmax_rows = 'many'\n", "not of type int"),
    ("[workspace]\nhost = 'me'\n", "is not one of auto, server"),
])
def test_a_bad_file_says_where_and_what_to_do(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "pluto.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match=message) as bad:
        Settings.load(path, environ={})
    assert str(path) in bad.value.message
    assert bad.value.hint


def test_a_typo_offers_the_nearest_setting(tmp_path: Path) -> None:
    path = tmp_path / "pluto.toml"
    path.write_text("[display]\nmax_row = 5\n", encoding="utf-8")
    with pytest.raises(SettingError) as bad:
        read_toml(path)
    assert bad.value.hint == "Did you mean display.max_rows?"


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("TRUE", True), (" yes ", True), ("0", False), ("no", False)])
def test_the_environment_spells_true_and_false(raw: str, value: bool) -> None:
    name = "workspace.allow_network_filesystem"
    assert Settings.load(environ={env_name(name): raw})[name] is value


def test_a_bad_value_in_the_environment_names_the_variable() -> None:
    with pytest.raises(SettingError, match="PLUTODUCK_QUERY__TIMEOUT_S"):
        Settings.load(environ={"PLUTODUCK_QUERY__TIMEOUT_S": "soon"})


def test_an_argument_that_is_no_setting_is_refused() -> None:
    with pytest.raises(SettingError, match="nothing__here"):
        Settings.load(environ={}, nothing__here=1)


def test_every_setting_has_help_and_a_name_in_the_environment() -> None:
    assert len({one.name for one in SETTINGS}) == len(SETTINGS)
    for one in SETTINGS:
        assert one.help.endswith(".")
        assert env_name(one.name).startswith("PLUTODUCK_")


def test_a_file_nested_without_end_is_no_setting(toml: Path) -> None:
    toml.write_text("x = " + "[" * 100_000)
    with pytest.raises(SettingError, match="is not valid TOML"):
        read_toml(toml)
