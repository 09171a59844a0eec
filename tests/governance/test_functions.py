"""The allow-lists against the engine that is installed."""

from __future__ import annotations

import pytest

from pluto_duck.errors import Refused
from pluto_duck.governance import Gate, Names, functions
from pluto_duck.governance.limits import CAPPED
from pluto_duck.workspace.parser import Parser

VERSION = Parser().version()


def test_the_committed_list_is_the_engine_without_the_denied_classes() -> None:
    assert sorted(functions.allowed(VERSION)) == functions.reviewed_list()


@pytest.mark.parametrize("version", ["1.5.5", "2.0.0"])
def test_no_list_holds_a_denied_name(version: str) -> None:
    assert not [name for name in functions.allowed(version) if functions.is_denied(name)]


def test_every_engine_name_is_either_listed_or_denied() -> None:
    left = functions.engine_names() - functions.allowed(VERSION)
    assert {name for name in left if not functions.is_denied(name)} <= {
        "IS DISTINCT FROM", "IS NOT DISTINCT FROM"}


def test_a_function_that_an_upgrade_adds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # The list that was reviewed before reverse() came: the engine knows it, the Gate does not.
    older = functions.allowed(VERSION) - {"reverse"}
    monkeypatch.setattr("pluto_duck.governance.gate.allowed", lambda _version: older)
    with pytest.raises(Refused, match="reverse is not on the list"):
        Gate(Parser()).read_only("SELECT reverse('x')", Names())


def test_a_newer_engine_uses_the_newest_list_before_it() -> None:
    assert functions.list_file("2.0.3").name == "functions_2_0.txt"
    assert functions.list_file("2.1.0").name == "functions_2_0.txt"
    assert functions.list_file("1.5.6").name == "functions_1_5.txt"
    assert functions.list_file("1.9.0").name == "functions_1_5.txt"


def test_every_capped_function_is_on_the_list() -> None:
    assert set(CAPPED) <= functions.allowed(VERSION)


def test_functions_in_from_are_few() -> None:
    assert sorted(functions.TABLE_FUNCTIONS) == ["generate_series", "json_each", "json_tree", "range", "unnest"]


@pytest.mark.parametrize("name", [
    "stats", "getvariable", "current_setting", "nextval", "pg_sleep", "enum_range", "json_serialize_plan",
    "pg_get_viewdef", "has_table_privilege", "__internal_compress_string_ubigint", "write_log", "query"])
def test_the_dangerous_are_on_no_list(name: str) -> None:
    for version in ("1.5.5", "2.0.0"):
        assert name not in functions.allowed(version)
