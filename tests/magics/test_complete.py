"""Completion through IPython's own completer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.magics.conftest import Shell


@pytest.fixture
def tables(shell: Shell) -> Shell:
    shell.run("%pluto sql CREATE TABLE flights AS SELECT 1 AS carrier, 2 AS dep_delay, 3 AS \"Odd name\"")
    shell.run("%pluto sql CREATE TABLE planes AS SELECT 'N1' AS tailnum")
    shell.run("month = 7")
    return shell


def offered(shell: Shell, marked: str) -> list[str]:
    """What is offered at the bar; each as the text that would replace the fragment."""
    from IPython.core.completer import provisionalcompleter

    text, at = marked.replace("|", ""), marked.index("|")
    with provisionalcompleter():
        return [one.text for one in shell.ipython.Completer.completions(text, at)]


@pytest.mark.parametrize(("marked", "expected"), [
    ("%pluto tab|", ["tables"]),
    ("%pluto help que|", ["query"]),
    ("%pluto query --form|", ["--format"]),
    ("%pluto query --format |", ["csv", "json", "table"]),
    ("%pluto describe fl|", ["flights"]),
    ("%pluto sql SELECT * FROM fl|", ["flights"]),
    ("x = %pluto sql SELECT * FROM pla|", ["planes"]),
    ("%%pluto sql top\nSELECT car| FROM flights", ["carrier"]),
    ("%%pluto sql top\nSELECT f.dep| FROM flights AS f", ["f.dep_delay"]),
    ("%%pluto sql\nSELECT *\nFROM flights\nWHERE dep_|", ["dep_delay"]),
    ("%%pluto sql\nSELECT p.| FROM planes p", ["p.tailnum"]),
    ("%%pluto sql\nSELECT main.fl|", ["main.flights"]),
    ("%%pluto sql\nSELECT Odd| FROM flights", ['"Odd name"']),
    ("%%pluto sql\nFROM flights WHERE carrier = $mon|", ["$month"]),
])
def test_the_right_names_are_offered(tables: Shell, marked: str, expected: list[str]) -> None:
    assert offered(tables, marked) == expected


def test_every_verb_is_offered(shell: Shell) -> None:
    from pluto_duck.commands.table import pluto

    assert set(pluto.commands) | {"sql", "traceback"} <= set(offered(shell, "%pluto |"))


def test_frames_and_results_are_offered_as_tables(tables: Shell) -> None:
    tables.run("import pandas\nframe_one = pandas.DataFrame({'a': [1]})")
    assert offered(tables, "%pluto sql SELECT * FROM frame_|") == ["frame_one"]


def test_a_table_made_a_moment_ago_is_offered(tables: Shell) -> None:
    assert offered(tables, "%pluto sql FROM flights_|") == []
    tables.run("%pluto sql CREATE TABLE flights_2014 AS FROM flights")
    assert offered(tables, "%pluto sql FROM flights_|") == ["flights_2014"]


def test_python_is_left_to_ipython(tables: Shell) -> None:
    assert "flights" not in offered(tables, "fl|")
    assert "float" in offered(tables, "fl|")


@pytest.mark.parametrize("marked", [
    "%pluto nonsense --|", "%pluto help |x", "%%pluto sql\n\"|", "%%pluto sql\n$|", "%pluto describe \"|",
    "%pluto ingest /no/such/folder/|", "%%pluto sql\nselect (((|", "%pluto sql ...|", "%%pluto |", "\n\n%%pluto sql\nf|",
])
def test_nothing_raises(tables: Shell, marked: str, capsys: pytest.CaptureFixture[str]) -> None:
    offered(tables, marked)
    assert "Traceback" not in capsys.readouterr().err


def test_a_workspace_that_cannot_be_opened_offers_nothing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Any,
) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("PLUTODUCK_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.chdir("/")
    assert offered(shell, "%pluto sql FROM fl|") == []


def test_connections_and_frames_are_offered_where_a_load_takes_them(shell: Shell) -> None:
    shell.run("%pluto connections add shop sales.csv")
    shell.run("import pyarrow\norders = pyarrow.table({'a': [1]})")
    assert offered(shell, "%pluto ingest --from sh|") == ["shop"]
    assert offered(shell, "%pluto connections te|") == ["test"]
    assert offered(shell, "%pluto connections remove |") == ["shop"]
    assert offered(shell, "%pluto ingest ord|") == ["orders"]
    assert offered(shell, "%pluto ingest orders --mode me|") == ["merge"]
