"""What a paragraph says of the rows is so."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import pairwise

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pluto_duck.display import finding
from pluto_duck.workspace import Column, Result

Query = Callable[..., Result]
_NUMBER = re.compile(r"−?\d+(?:,\d{3})*(?:\.\d+)?")


@pytest.mark.parametrize(("sql", "expected"), [
    ("SELECT 7 AS n WHERE false", "There are no such rows."),
    ("SELECT 7 AS n", ""),
    ("SELECT 'UA' AS carrier, 58665 AS flights", "UA: flights 58,665."),
    ("SELECT * FROM (VALUES ('UA', 60), ('B6', 30), ('EV', 10)) t(carrier, n)",
     "Highest n: UA with 60; lowest: EV with 10."),
    ("SELECT c AS carrier, count(*) AS n FROM (VALUES ('UA'), ('UA'), ('UA'), ('B6')) t(c) GROUP BY c",
     "Highest n: UA with 3; lowest: B6 with 1. The 2 add up to 4, of which UA has 75.0 %."),
    ("SELECT c AS carrier, count(*) AS n FROM (VALUES ('UA'), ('UA'), ('B6')) t(c) GROUP BY c ORDER BY n DESC LIMIT 2",
     "Of these 2: Highest n: UA with 2; lowest: B6 with 1. The 2 add up to 3, of which UA has 66.7 %."),
    ("SELECT c AS carrier, count(DISTINCT c) AS n FROM (VALUES ('UA'), ('B6')) t(c) GROUP BY c",
     "n is 1 for all 2."),
    ("SELECT * FROM (VALUES ('a', 5), ('b', 5), (NULL, 1)) t(k, n)",
     "Highest n: a and b with 5; lowest: rows without k with 1."),
    ("SELECT 'a' AS a, 'b' || i AS b, 'c' AS c, DATE '2024-01-01' AS d, i * 7 AS n FROM range(9) t(i)", ""),
    ("SELECT 'k' || i AS k, CASE WHEN i < 5 THEN 9 ELSE 1 END AS n FROM range(9) t(i)",
     "Highest n: 5 rows with 9; lowest: 4 rows with 1."),
    ("SELECT 'k' || i AS k, CASE WHEN i = 8 THEN 1000 ELSE i END AS n FROM range(9) t(i)",
     "Highest n: k8 with 1,000; lowest: k0 with 0. Far from the others: k8 (1,000)."),
    ("SELECT * FROM (VALUES ('a', 0.6), ('b', 0.4)) t(k, share)", "Highest share: a with 60.0 %; lowest: b with 40.0 %."),
    ("SELECT * FROM (VALUES ('a', 0.6), ('b', 0.5)) t(k, share)", "Highest share: a with 0.6; lowest: b with 0.5."),
    ("SELECT m::INTEGER AS month, n FROM (VALUES (1, 10), (2, 8), (3, 15), (4, 12)) t(m, n)",
     "n went from 10 in January to 12 in April (+20.0 %), up and down. Highest: 15 in March; lowest: 8 in February. "
     "The biggest step is from 8 in February to 15 in March."),
    ("SELECT DATE '2013-01-01' + to_months(i::INTEGER) AS at, (i + 1) * 1.5 AS n FROM range(3) t(i)",
     "n went from 1.5 in January 2013 to 4.5 in March 2013 (+200.0 %), rising all the way. "
     "Highest: 4.5 in March 2013; lowest: 1.5 in January 2013."),
    ("SELECT DATE '2013-01-05' + i::INTEGER AS day, 10 - i AS n FROM range(2) t(i)",
     "n went from 10 in 5 January 2013 to 9 in 6 January 2013 (−10.0 %), falling all the way."),
    ("SELECT (2010 + i)::INTEGER AS year, 7 AS n FROM range(3) t(i)", "n stayed at 7 from 2010 to 2012."),
    ("SELECT '2026-0' || i AS month, -i AS n FROM range(1, 3) t(i)",
     "n went from −1 in January 2026 to −2 in February 2026 (−1), falling all the way."),
    ("SELECT 'k' || i AS k, CASE WHEN i > 1 THEN i END AS n FROM range(4) t(i)",
     "Highest n: k3 with 3; lowest: k2 with 2. 2 of 4 rows have no number for n."),
    ("SELECT i AS n, 2 * i AS m FROM range(30) t(i)", "Over 30 rows n and m rise together (correlation 1.00)."),
    ("SELECT 'a' AS k, 'b' AS l FROM range(3)", ""),
    ("SELECT '<b>\x1b[31m' AS k, 5 AS n", "<b>\\x1b[31m: n 5."),
])
def test_the_sentence_for_each_shape(query: Query, sql: str, expected: str) -> None:
    assert finding(query(sql)) == expected


def test_rows_that_were_cut_off_say_so(query: Query) -> None:
    said = finding(query("SELECT 'k' || i AS k, i AS n FROM range(3) t(i)", truncated=True))
    assert said == "Of the first 3 rows alone, for there are more: Highest n: k2 with 2; lowest: k0 with 0."


@pytest.mark.parametrize("expression", ["avg(i)", "max(i)", "count(DISTINCT i)", "sum(DISTINCT i)",
                                        "sum(i) / count(*)", "sum(sum(i)) OVER ()"])
def test_what_does_not_add_up_is_not_added_up(query: Query, expression: str) -> None:
    said = finding(query(f"SELECT i % 3 AS part_id, {expression} AS n FROM range(10) t(i) GROUP BY i % 3"))
    assert said
    assert "add up" not in said
    assert "Together" not in said


def test_neither_do_the_rows_of_a_rollup(query: Query) -> None:
    assert "add up" not in finding(query(
        "SELECT 'k' || (i % 3) AS k, count(*) AS n FROM range(10) t(i) GROUP BY ROLLUP (1)"))


# -- every number is one of the rows, or follows from them --------------------------------------------


def _written(value: float | Decimal) -> str:
    """As the paragraph writes numbers, worked out here for itself."""
    exact = Decimal(str(value))
    if exact == exact.to_integral_value():
        text = f"{int(exact):,}"
    elif abs(value) >= 1:
        text = f"{value:,.2f}".rstrip("0").rstrip(".")
    else:
        text = f"{float(value):.3g}"
    return text.replace("-", "−")


def _share(part: float, whole: float) -> Iterable[str]:
    told = f"{part / whole * 100:,.1f}"
    return told.replace("-", "−"), told.lstrip("-")


def _result(names: list[str], kinds: list[str], rows: list[tuple[object, ...]], sql: str) -> Result:
    table = pyarrow.table({name: [row[i] for row in rows] for i, name in enumerate(names)})
    return Result(columns=tuple(map(Column, names, kinds)), table=table, sql=sql, statement="SELECT", elapsed_s=0.0)


_MEMBERS = st.lists(st.tuples(st.text("abcdefgh", min_size=1, max_size=4), st.integers(-10**6, 10**9)),
                    min_size=1, max_size=30, unique_by=lambda row: row[0])


@settings(max_examples=60, deadline=None)
@given(_MEMBERS)
def test_each_number_about_groups_follows_from_the_rows(rows: list[tuple[str, int]]) -> None:
    said = finding(_result(["k", "n"], ["VARCHAR", "BIGINT"], list(rows), "SELECT k, sum(m) AS n FROM t GROUP BY k"))
    values = [value for _, value in rows]
    total = sum(values)
    allowed = {_written(one) for one in values} | {_written(total), _written(len(values))}
    allowed |= {_written(values.count(one)) for one in (max(values), min(values))}
    if total:
        allowed |= set(_share(max(values), total)) | set(_share(sum(sorted(values)[-3:]), total))
    assert set(_NUMBER.findall(said)) <= allowed, said
    if max(values) > min(values):
        top = [member for member, value in rows if value == max(values)]
        assert len(top) > 3 or all(member in said for member in top)
    if min(values) < 0:
        assert "add up" not in said


_SERIES = st.lists(st.one_of(st.none(), st.decimals(-10**6, 10**6, places=2)), min_size=2, max_size=40)


@settings(max_examples=60, deadline=None)
@given(_SERIES)
def test_each_number_about_a_series_follows_from_the_rows(numbers: list[Decimal | None]) -> None:
    rows: list[tuple[object, ...]] = [(2000 + i, value) for i, value in enumerate(numbers)]
    if all(one is None for one in numbers):
        return
    said = finding(_result(["year", "n"], ["INTEGER", "DECIMAL(18,2)"], rows, "SELECT year, avg(m) AS n FROM t GROUP BY 1"))
    series = [(2000 + i, value) for i, value in enumerate(numbers) if value is not None]
    values = [value for _, value in series]
    allowed = {str(year) for year, _ in series} | {_written(one) for one in values}
    allowed |= {_written(len(numbers)), _written(len(numbers) - len(values)), _written(values[-1] - values[0])}
    if values[0] > 0:
        allowed |= set(_share(float(values[-1] - values[0]), float(values[0])))
    assert set(_NUMBER.findall(said)) <= allowed, said
    if len(values) > 1 and "went from" in said:
        first, last = _written(values[0]), _written(values[-1])
        assert f"from {first} in {series[0][0]} to {last} in {series[-1][0]}" in said
        rises = all(a <= b for a, b in pairwise(values))
        assert ("rising all the way" in said) == rises
    if "biggest step" in said:
        found = re.search(r"biggest step is from \S+ in (\d+) to \S+ in (\d+)\.", said)
        assert found is not None
        steps = {(a[0], b[0]): abs(b[1] - a[1]) for a, b in pairwise(series)}
        assert steps[int(found[1]), int(found[2])] == max(steps.values())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-10**8, 10**8).map(lambda one: one / 1000), min_size=1, max_size=60))
def test_each_number_about_a_spread_follows_from_the_rows(values: list[float]) -> None:
    said = finding(_result(["n"], ["DOUBLE"], [(one,) for one in values], "SELECT n FROM t"))
    if not said:
        assert len(values) == 1
        return
    ordered = sorted(values)
    low, high = ordered[math.ceil(len(ordered) / 4) - 1], ordered[math.ceil(3 * len(ordered) / 4) - 1]
    fences = (low - (high - low) * 3 / 2, high + (high - low) * 3 / 2)
    out = sum(not fences[0] <= one <= fences[1] for one in values)
    allowed = set(map(_loosely, [ordered[0], ordered[-1], low, high, *fences, len(values), out]))
    assert {_loosely(_read(one)) for one in _NUMBER.findall(said)} <= allowed, said
    if "half or more" in said:
        assert sum(low <= one <= high for one in values) * 2 >= len(values)


def _read(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def _loosely(value: float) -> float:
    """To what the paragraph rounds to."""
    return round(value, 2) + 0.0 if abs(value) >= 1 else float(f"{value:.3g}") + 0.0
