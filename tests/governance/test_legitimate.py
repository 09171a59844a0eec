from __future__ import annotations

from pathlib import Path

import pytest

from tests.governance.conftest import Agent

LINES = Path(__file__).with_name("legitimate.sql").read_text(encoding="utf-8").splitlines()
LEGITIMATE = [line for line in LINES if not line.startswith("--")]


@pytest.mark.parametrize("sql", [*LEGITIMATE, "-- top\nSELECT /* in */ 1; -- end", "  \n SELECT 1 ;;  "])
def test_what_an_analyst_writes_passes_and_runs(agent: Agent, sql: str) -> None:
    assert isinstance(agent.query(sql), list)


@pytest.mark.parametrize(("sql", "rows"), [
    ("WITH people AS (SELECT * FROM people WHERE id = 1) SELECT name FROM people", [("Ada",)]),
    ("SELECT reading FROM raw.hot", [(99.0,)]),
    ("SELECT id FROM adults ORDER BY id", [(1,), (2,)]),
    ("SELECT lower('ADA')", [("ada",)]),
    ("SELECT mood FROM moods WHERE mood < 'sad'", [("happy",)]),
    ("FROM RAW.Sensors SELECT count(*)", [(2,)]),
    ("SELECT unnest(range(3))", [(0,), (1,), (2,)]),
    ("SELECT range(5, 0, -2)", [([5, 3, 1],)]),
    ("SELECT generate_series(1, 4)", [([1, 2, 3, 4],)]),
    ("SELECT repeat('ab', 2), lpad('a', 3, '-'), rpad('a', 3, '-'), repeat([1], 2)",
     [("abab", "--a", "a--", [1, 1])]),
    ("SELECT levenshtein('a', 'b'), list_resize([1], 2), bar(5, 0, 10, 4), bitstring('01', 4)::VARCHAR",
     [(1, [1, None], "██  ", "0001")]),
])
def test_the_agent_reads_what_the_owner_would(agent: Agent, sql: str, rows: list[tuple[object, ...]]) -> None:
    assert agent.query(sql) == rows


def test_show_tables_lists_what_may_be_named(agent: Agent) -> None:
    names = [name for (name,) in agent.query("SHOW TABLES")]
    assert names == sorted(names)
    assert {"people", "raw.sensors", "Sélection d'été", "My schema.odd.table"} <= set(names)
    assert not any("_pluto" in str(name) for name in names)
