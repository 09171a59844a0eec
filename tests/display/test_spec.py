"""A chart as data: what is read, what is refused, what is drawn of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pluto_duck.display import Chart, chart_bundle, chart_of, chart_png, chart_summary, chart_svg
from pluto_duck.errors import PlutoError, UsageError
from pluto_duck.workspace import Result

Query = Callable[..., Result]
COLUMNS = ["carrier", "flights", "delay", "origin"]
CARRIERS = "SELECT * FROM (VALUES ('UA', 5, 1), ('B6', 9, 2), ('EV', 7, 3), ('DL', 1, 4)) AS t(carrier, flights, delay)"
STACK = """SELECT m AS month, o AS origin, n FROM (VALUES ('a', 'EWR', 1), ('a', 'JFK', 3), ('b', 'EWR', 5),
           ('b', 'JFK', 5), ('c', 'JFK', 4)) t(m, o, n)"""


@pytest.mark.parametrize("chart", [
    Chart("bar", "carrier", ("flights",), title="Busy", sort="descending", limit=3),
    Chart("bar", "carrier", ("flights",), "origin", stacked="share"),
    Chart("line", "carrier", ("flights", "delay")),
    Chart("histogram", "delay"),
    Chart("number", "flights"),
])
def test_a_spec_is_json_and_reads_back(chart: Chart) -> None:
    assert chart_of(json.loads(json.dumps(chart.spec())), COLUMNS) == chart


@pytest.mark.parametrize(("spec", "says"), [
    ({}, "needs a kind"),
    ({"kind": "pie", "x": "carrier"}, "not 'pie'"),
    ({"kind": "hist", "x": "delay"}, "Did you mean histogram"),
    ({"kind": "bar", "y": "flights"}, "needs an x"),
    ({"kind": "bar", "x": "carrier"}, "needs a y"),
    ({"kind": "bar", "x": "carrier", "y": "flihgts"}, 'no column "flihgts"'),
    ({"kind": "bar", "x": "carrier", "y": "flights", "colour": "origin"}, 'no setting "colour"'),
    ({"kind": "bar", "x": "carrier", "y": ["flights", "delay"], "color": "origin"}, "one y"),
    ({"kind": "bar", "x": "carrier", "y": "flights", "limit": 0}, "whole number"),
    ({"kind": "bar", "x": "carrier", "y": "flights", "limit": "many"}, "whole number"),
    ({"kind": "bar", "x": "carrier", "y": "flights", "sort": "up"}, "sort of a chart"),
    ({"kind": "line", "x": "carrier", "y": "flights", "stacked": "share"}, "Only bars"),
    ({"kind": "histogram", "x": "delay", "y": ["flights"]}, "has one column"),
    ({"kind": "bar", "x": 7, "y": "flights"}, "is a text"),
    ({"kind": "bar", "x": "carrier", "y": {"a": 1}}, "list of them"),
    ({"kind": "bar", "x": "carrier", "y": "flights", "color": ["origin"]}, "name of a column"),
    ({"kind": ["bar"], "x": "carrier"}, "is one of"),
])
def test_what_is_wrong_with_a_spec_is_said(spec: Mapping[str, Any], says: str) -> None:
    with pytest.raises(PlutoError) as caught:
        chart_of(spec, COLUMNS)
    assert says in f"{caught.value.message} {caught.value.hint}"


def test_the_one_measure_of_a_histogram_may_be_called_y() -> None:
    assert chart_of({"kind": "histogram", "y": "delay"}, COLUMNS) == Chart("histogram", "delay")


def _plotly(spec: Mapping[str, Any], result: Result) -> dict[str, Any]:
    import plotly.graph_objects as graph

    chart = chart_of(spec, [column.name for column in result.columns])
    plot: dict[str, Any] = chart_bundle(chart, result)["application/vnd.plotly.v1+json"]
    graph.Figure(data=plot["data"], layout=plot["layout"])
    assert chart_png(chart, result).startswith(b"\x89PNG")
    assert chart_svg(chart, result)
    return plot


def test_bars_are_sorted_and_limited_and_say_what_they_leave_out(query: Query) -> None:
    result = query(CARRIERS)
    spec = {"kind": "bar", "x": "carrier", "y": "flights", "sort": "descending", "limit": 2}
    plot = _plotly(spec, result)
    assert plot["data"][0]["x"] == ["B6", "EV"]
    assert plot["layout"]["xaxis"]["categoryarray"] == ["B6", "EV"]
    assert "2 more bars are left out" in chart_summary(chart_of(spec, ["carrier", "flights"]), result)
    assert _plotly(spec | {"sort": "ascending"}, result)["data"][0]["x"] == ["DL", "UA"]


def test_stacked_shares_add_up_to_a_hundred(query: Query) -> None:
    plot = _plotly({"kind": "bar", "x": "month", "y": "n", "color": "origin", "stacked": "share"}, query(STACK))
    shares = {trace["name"]: dict(zip(trace["x"], trace["y"], strict=True)) for trace in plot["data"]}
    assert shares == {"EWR": {"a": 25.0, "b": 50.0}, "JFK": {"a": 75.0, "b": 50.0, "c": 100.0}}
    assert plot["layout"]["barmode"] == "stack"


def test_shares_of_what_is_below_zero_are_refused(query: Query) -> None:
    with pytest.raises(UsageError, match="below 0"):
        _plotly({"kind": "bar", "x": "a", "y": "n", "stacked": "share"}, query("SELECT 'x' AS a, -1 AS n"))


def test_a_histogram_counts_every_value_once(query: Query) -> None:
    result = query("SELECT i % 50 AS n FROM range(1000) t(i) UNION ALL SELECT NULL")
    plot = _plotly({"kind": "histogram", "x": "n"}, result)
    assert sum(plot["data"][0]["y"]) == 1000
    step = plot["data"][0]["width"]
    held = sum(1 for i in range(1000) if 0 <= i % 50 < step)
    assert plot["data"][0]["y"][0] == held


@pytest.mark.parametrize("sql", [
    "SELECT 5 AS n FROM range(30)", "SELECT 0.001 * i AS n FROM range(30) t(i)", "SELECT -i * 1e9 AS n FROM range(30) t(i)",
    "SELECT NULL::INTEGER AS n FROM range(3)", "SELECT 'nan'::DOUBLE AS n", "SELECT 0 AS n", "SELECT -0.5 AS n",
    "SELECT 1e300 * i AS n FROM range(9) t(i)",
])
def test_a_histogram_of_odd_numbers_is_drawn(query: Query, sql: str) -> None:
    result = query(sql)
    plot = _plotly({"kind": "histogram", "x": "n"}, result)
    known = [one for one in result.values()[0] if one is not None and one == one]
    assert sum(plot["data"][0]["y"]) == len(known)


def test_a_number_is_exact_and_large(query: Query) -> None:
    bundle = chart_bundle(Chart("number", "total"), query("SELECT 12345678901234567890.12::DECIMAL(38,2) AS total"))
    assert "12,345,678,901,234,567,890.12" in bundle["text/html"]
    assert bundle["text/plain"] == "total: 12,345,678,901,234,567,890.12"
    with pytest.raises(UsageError, match="single row"):
        chart_bundle(Chart("number", "n"), query("SELECT 1 AS n FROM range(2)"))


def test_a_map_is_not_stretched(query: Query) -> None:
    plot = _plotly({"kind": "scatter", "x": "lon", "y": "lat"}, query(
        "SELECT -74 + i AS lon, 60 AS lat FROM range(3) t(i)"))
    assert plot["layout"]["yaxis"]["scaleanchor"] == "x"
    assert plot["layout"]["yaxis"]["scaleratio"] == pytest.approx(2.0)
