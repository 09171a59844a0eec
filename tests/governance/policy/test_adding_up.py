"""Grants that add up, against a plain reckoning of who may see which cell; and many actors at once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from pluto_duck.errors import PlutoError, UnknownName
from tests.governance.policy.conftest import Company, lasting_home, rows

COLUMNS = ("id", "a", "b", "c")
TABLE = [(i, f"a{i}", i * 10, None if i % 3 == 0 else i) for i in range(12)]
CONDITIONS: dict[str, Callable[[tuple[Any, ...]], bool]] = {
    "": lambda row: True,
    "id < 4": lambda row: row[0] < 4,
    "id % 2 = 0": lambda row: row[0] % 2 == 0,
    "c > 5": lambda row: row[3] is not None and row[3] > 5,
    "c IS NULL": lambda row: row[3] is None,
    "b = $limit": lambda row: row[2] == 70,
    "id <= $nobody": lambda row: False,
    "false": lambda row: False,
}

_home = pytest.fixture(autouse=True, scope="module")(lasting_home)


@pytest.fixture(scope="module")
def company(companies: Callable[[], Company]) -> Company:
    made = companies()
    made.owner.query("CREATE TABLE t (id INTEGER, a VARCHAR, b INTEGER, c INTEGER)")
    for row in TABLE:
        made.owner.query("INSERT INTO t VALUES (?, ?, ?, ?)", list(row))
    return made


def grants(chance: random.Random) -> list[dict[str, Any]]:
    made = []
    for _ in range(chance.randint(1, 4)):
        shown = chance.sample(COLUMNS, chance.randint(1, 4))
        made.append({"rows": chance.choice(list(CONDITIONS)), "columns": shown,
                     "hide": chance.sample(COLUMNS, chance.choice([0, 0, 1])),
                     "masks": {name: chance.choice(["null", "{expression: -1}"]) for name in
                               chance.sample(["b", "c"], chance.randint(0, 2))}})
    return made


def written(made: list[dict[str, Any]]) -> str:
    lines = "".join(
        f"      - tables: t\n        actions: read\n        columns: {one['columns']}\n        hide: {one['hide']}\n"
        + (f"        rows: '{one['rows']}'\n" if one["rows"] else "")
        + "        masks: {" + ", ".join(f"{name}: {mask}" for name, mask in one["masks"].items()) + "}\n"
        for one in made)
    return f"version: 1\nroles:\n  r:\n    grants:\n{lines}"


def expected(made: list[dict[str, Any]]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column by column, row by row: plain where one grant that shows the row shows it plain, else its mask."""
    def shows(one: dict[str, Any], name: str) -> bool:
        return name in one["columns"] and name not in one["hide"]

    names = [name for name in COLUMNS if any(shows(one, name) for one in made)]
    found = []
    for row in TABLE:
        letting = [one for one in made if CONDITIONS[one["rows"]](row)]
        if not letting:
            continue
        cells: list[Any] = []
        for name in names:
            treatments = [one["masks"].get(name, "") for one in letting if shows(one, name)]
            value = row[COLUMNS.index(name)]
            cells.append(value if "" in treatments else -1 if "{expression: -1}" in treatments else None)
        found.append(tuple(cells))
    return names, sorted(found, key=str)


@pytest.mark.parametrize("seed", range(60))
def test_every_cell_is_what_the_grants_come_to(company: Company, seed: int) -> None:
    made = grants(random.Random(seed))
    names, cells = expected(made)
    company.allow(written(made))
    with company.as_("r", limit=70) as session:
        if not names:
            assert session.tables() == []
            return
        result = session.query("SELECT * FROM t")
    assert [one.name for one in result.columns] == names
    assert sorted((tuple(row) for row in result.rows()), key=str) == cells


def test_actors_that_ask_at_once_never_see_each_others_rows(company: Company) -> None:
    company.allow("version: 1\nroles:\n  r:\n    grants: [{tables: t, actions: read, rows: id = $mine}]\n"
                  "  s:\n    grants: [{tables: t, actions: read, rows: b = $mine * 10, hide: a}]")
    wrong: list[object] = []

    def ask(mine: int) -> None:
        role = "r" if mine % 2 else "s"
        with company.as_(role, mine=mine) as session:
            for i in range(25):
                try:
                    found = rows(session, f"SELECT id FROM t WHERE id >= {-i}")
                except PlutoError as error:
                    wrong.append(error)
                    continue
                if found != [(mine,)]:
                    wrong.append((mine, found))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    assert wrong == []


def test_a_policy_that_narrows_while_people_read_holds_from_then_on(company: Company) -> None:
    wide = "version: 1\nroles:\n  r:\n    grants: [{tables: t, actions: read}]"
    narrow = "version: 1\nroles:\n  r:\n    grants: [{tables: t, actions: read, rows: id = 0, hide: a}]"
    stop, narrowed, wrong = threading.Event(), threading.Event(), list[object]()

    def ask() -> None:
        with company.as_("r") as session:
            while not stop.is_set():
                after = narrowed.is_set()
                try:
                    found = rows(session, "SELECT * FROM t")
                except UnknownName:  # between the file and the consent nobody is granted anything
                    found = [(0, 0, None)] if not after else ["nothing"]
                if after and found != [(0, 0, None)]:
                    wrong.append(found)

    company.allow(wide)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for one in threads:
        one.start()
    for _ in range(10):
        company.allow(wide)
        company.allow(narrow)
    narrowed.set()
    with company.as_("r") as session:
        for _ in range(20):
            assert rows(session, "SELECT * FROM t") == [(0, 0, None)]
    stop.set()
    for one in threads:
        one.join(60)
    assert wrong == []


def test_a_table_that_is_made_anew_all_the_time_is_there_all_the_time(company: Company) -> None:
    """A rebuild of the views in the middle of a statement shows neither no table nor, for want of a claim, no row."""
    company.allow("version: 1\nroles:\n  r:\n    grants: [{tables: t, actions: read, rows: id = $mine}]")
    stop, wrong, count = threading.Event(), list[object](), [0]

    def ask(mine: int) -> None:
        with company.as_("r", mine=mine) as session:
            while not stop.is_set():
                try:
                    found: object = rows(session, "SELECT id FROM t")
                except PlutoError as error:
                    found = error
                count[0] += 1
                if found != [(mine,)]:
                    wrong.append(found)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(3)]
    for one in threads:
        one.start()
    for i in range(40):
        company.owner.query(f"CREATE OR REPLACE TABLE other{i % 3} AS SELECT {i} AS i")
        while count[0] < i // 4 and any(one.is_alive() for one in threads):  # on a busy machine they come late
            time.sleep(0.005)
    stop.set()
    for one in threads:
        one.join(60)
    assert wrong == []
    assert count[0] > 3
