"""What it costs that a table is tracked: the same statements on a table that is, and on one that is not, in turns."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator

from pluto_duck.session import Session
from pluto_duck.workspace import TableRef
from tests.benchmarks.measures import folder
from tests.benchmarks.table import Row, alternate, ratio

ROUNDS = 30
QUIET_S = 10.0


def all_rows() -> Iterator[Row]:
    with folder() as workspace, Session.open(workspace.root) as session:
        for name in ("plain", "tracked", "befores"):
            session.query(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, v VARCHAR, x DOUBLE)")
            session.query(f"INSERT INTO {name} SELECT i, 'v' || i, i FROM range(100000) AS r(i)")
        session.track(TableRef("tracked"))
        session.track(TableRef("befores"), before=True)
        numbers = itertools.count(1_000_000)

        def one(name: str) -> str:
            i = next(numbers)
            return f"INSERT INTO {name} VALUES ({i}, 'value {i}', {i}.5)"

        def thousand(name: str) -> str:
            i = next(numbers) * 1_000
            return f"INSERT INTO {name} SELECT i, 'v' || i, i FROM range({i}, {i + 1_000}) AS r(i)"

        def update(name: str) -> str:
            i = next(numbers)
            return f"UPDATE {name} SET v = 'w{i}' WHERE id = {i % 90_000}"

        def many(name: str) -> str:
            i = next(numbers)
            return f"UPDATE {name} SET v = 'w{i}' WHERE id BETWEEN {i % 90 * 1_000} AND {i % 90 * 1_000 + 999}"

        def runs(make: Callable[[str], str], name: str) -> Callable[[], object]:
            return lambda: session.query(make(name))

        numbers = itertools.count(1_000)
        for what, make, must in (("one row inserted", one, 2.2), ("1,000 rows inserted", thousand, 3.0),
                                 ("one row updated", update, 2.2), ("1,000 rows updated", many, 3.0)):
            for name, how in (("tracked", ""), ("befores", ", with the rows as they were")):
                if make in (one, thousand) and name == "befores":
                    continue
                if make is one:
                    numbers = itertools.count(1_500_000_000)
                elif make is thousand:
                    numbers = itertools.count(1_000)
                ours, peer = alternate(runs(make, name), runs(make, "plain"), rounds=ROUNDS)
                yield ratio(f"{what}{how}, in a commit of its own", ours, "untracked", peer, must, 2.0)
        yield _quiet()


def _quiet() -> Row:
    """With the tables tracked and nobody writing."""
    began = time.process_time()
    time.sleep(QUIET_S)
    found = (time.process_time() - began) / QUIET_S * 100
    return Row(f"tracked and quiet, {QUIET_S:.0f} s", f"{found:.2f} % of a core", "-", f"{found:.2f} %", "0.5 %", "0.1 %",
               found <= 0.5)


def loads() -> str:
    return f"{os.getloadavg()[0]:.1f}"
