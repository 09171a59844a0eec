"""Which chart is picked, and what is drawn."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from pluto_duck.display import Chart, chart_bundle, chart_png, chart_summary, chart_svg, fitting_charts, pick_chart
from pluto_duck.errors import UnknownName
from pluto_duck.workspace import Result

Query = Callable[..., Result]
Golden = Callable[[str, str], None]
CARRIERS = "SELECT * FROM (VALUES ('UA', 58665), ('B6', 54635), ('EV', 54173)) AS t(carrier, flights)"
MONTHS = "SELECT i::INTEGER AS month, (i * 7 % 5)::DOUBLE AS delay FROM range(1, 13) t(i)"
AIRPORTS = ("SELECT i::INTEGER AS month, o AS origin, i * 2.5 AS delay "
            "FROM range(1, 5) t(i), (VALUES ('EWR'), ('JFK')) a(o)")


@pytest.mark.parametrize(("sql", "expected"), [
    (CARRIERS, Chart("bar", "carrier", ("flights",))),
    ("SELECT 'code' || i AS code, 'Name ' || i AS name, i AS n FROM range(5) t(i)", Chart("bar", "name", ("n",))),
    ("SELECT (i % 4)::INTEGER AS origin_id, i AS n FROM range(4) t(i)", Chart("bar", "origin_id", ("n",))),
    (MONTHS, Chart("line", "month", ("delay",))),
    ("SELECT DATE '2013-01-01' + i::INTEGER AS day, i AS n FROM range(30) t(i)", Chart("line", "day", ("n",))),
    ("SELECT TIMESTAMP '2013-01-01' + to_hours(i) AS at, i AS n, i * 2 AS m FROM range(30) t(i)",
     Chart("line", "at", ("n", "m"))),
    (AIRPORTS, Chart("line", "month", ("delay",), "origin")),
    ("SELECT unnest(['Mar', 'Jan', 'Feb']) AS m, unnest([1, 2, 3]) AS n", Chart("line", "m", ("n",))),
    ("SELECT (2010 + y)::INTEGER AS year, m::INTEGER AS month, y * m AS n FROM range(3) a(y), range(1, 13) b(m)",
     Chart("line", "month", ("n",), "year")),
    ("SELECT i * 1.0 AS distance, i * 2.0 AS air_time FROM range(100) t(i)",
     Chart("scatter", "distance", ("air_time",))),
    ("SELECT o AS origin, c AS carrier, ascii(c) AS n FROM (VALUES ('EWR'), ('JFK')) a(o), (VALUES ('UA'), ('DL'), ('B6')) b(c)", Chart("bar", "carrier", ("n",), "origin")),
    ("SELECT 'k' || i AS k, (i * 7 % 5) AS n FROM range(6) t(i)", Chart("bar", "k", ("n",), sort="descending")),
    ("SELECT 'k' || i AS k, i AS n FROM range(6) t(i)", Chart("bar", "k", ("n",))),
    ("SELECT count(*) AS flights FROM range(9)", Chart("number", "flights")),
    ("SELECT i * 3 AS delay FROM range(200) t(i)", Chart("histogram", "delay")),
    ("SELECT 'c' || i AS c, i AS n FROM range(41) t(i)", Chart("histogram", "n")),
    ("SELECT -74 + i AS lon, 40 + i AS lat, 'a' || i AS faa FROM range(5) t(i)", Chart("scatter", "lon", ("lat",))),
    ("SELECT '2026-0' || i AS month, i AS n FROM range(1, 6) t(i)", Chart("line", "month", ("n",))),
    ("SELECT '2026-Q' || i AS quarter, i AS n FROM range(1, 5) t(i)", Chart("line", "quarter", ("n",))),
    ("SELECT m::INTEGER AS month, o AS origin, CASE o WHEN 'EWR' THEN 0.6 ELSE 0.4 END AS share"
     " FROM range(1, 5) t(m), (VALUES ('EWR'), ('JFK')) a(o)",
     Chart("bar", "month", ("share",), "origin", stacked="share")),
    ("SELECT m::INTEGER AS month, o AS origin, CASE o WHEN 'EWR' THEN 0.6 ELSE 0.1 END AS share"
     " FROM range(1, 5) t(m), (VALUES ('EWR'), ('JFK')) a(o)", Chart("line", "month", ("share",), "origin")),
])
def test_the_shape_of_the_rows_picks_the_chart(query: Query, sql: str, expected: Chart) -> None:
    assert pick_chart(query(sql)) == expected


@pytest.mark.parametrize("sql", [
    "SELECT 'UA' AS carrier, 5 AS n",
    "SELECT 'c' || (i // 2) AS c, i AS n FROM range(82) t(i)",
    "SELECT 'c' || i AS c, i % 3 AS n FROM range(82) t(i)",
    "SELECT 7 AS a, 8 AS b",
    "SELECT 'only words' AS a",
    "SELECT i AS a, i AS b, i AS c, i AS d, i AS e, i AS f FROM range(9) t(i)",
    "SELECT 'a' AS same, i AS n FROM range(9) t(i)",
    "SELECT [i] AS list, i AS n FROM range(9) t(i)",
    "SELECT 'c' || i AS c, NULL::INTEGER AS n FROM range(9) t(i)",
    "SELECT 'c' || i AS c, 'd' || i AS d FROM range(9) t(i)",
    "SELECT 1 AS a, 2 AS b WHERE false",
    "SELECT 'c' || i AS n, i AS n FROM range(9) t(i)",
    "SELECT i::INTEGER AS month, i::INTEGER AS day FROM range(9) t(i)",
])
def test_no_chart_where_none_reads_well(query: Query, sql: str) -> None:
    assert pick_chart(query(sql)) is None


def test_a_measure_of_another_size_gets_no_flat_line(query: Query) -> None:
    picked = pick_chart(query("SELECT i::INTEGER AS month, 3000 + i AS flights, i * 0.5 AS delay FROM range(12) t(i)"))
    assert picked == Chart("line", "month", ("flights",))


@pytest.mark.parametrize(("name", "sql"), [("bar", CARRIERS), ("line", MONTHS), ("lines", AIRPORTS)])
def test_plotly_json(query: Query, golden: Golden, name: str, sql: str) -> None:
    result = query(sql)
    chart = pick_chart(result, title=f"A {name}")
    assert chart is not None
    bundle = chart_bundle(chart, result)
    golden(f"{name}.json", json.dumps(bundle["application/vnd.plotly.v1+json"], indent=1, sort_keys=True))


def test_plotly_itself_accepts_the_json(query: Query) -> None:
    import plotly.graph_objects as graph

    for sql in (CARRIERS, MONTHS, AIRPORTS):
        result = query(sql)
        chart = pick_chart(result)
        assert chart is not None
        plot = chart_bundle(chart, result)["application/vnd.plotly.v1+json"]
        graph.Figure(data=plot["data"], layout=plot["layout"])  # validates every name and value


def test_the_static_image_is_xml_with_a_title_a_description_and_no_script(query: Query) -> None:
    result = query(CARRIERS)
    chart = pick_chart(result, title="Busiest carriers")
    assert chart is not None
    root = ET.fromstring(chart_svg(chart, result))
    space = "{http://www.w3.org/2000/svg}"
    assert root.attrib["role"] == "img"
    assert root.find(f"{space}title").text == "Busiest carriers"  # type: ignore[union-attr]
    words = "Bar chart of flights by carrier: 3 points, highest 58,665 at UA, lowest 54,173 at EV."
    assert root.find(f"{space}desc").text == words  # type: ignore[union-attr]
    assert root.attrib["aria-label"] == words
    assert not [one for one in root.iter() if one.tag.endswith(("script", "foreignObject", "image"))]


def test_the_same_rows_make_the_same_image(query: Query) -> None:
    result = query(MONTHS)
    chart = Chart("line", "month", ("delay",))
    assert chart_svg(chart, result) == chart_svg(chart, result)


def test_the_image_is_light_whatever_the_style_of_the_reader(query: Query) -> None:
    import matplotlib

    result = query(MONTHS)
    chart = Chart("line", "month", ("delay",))
    plain = chart_svg(chart, result)
    with matplotlib.rc_context({"figure.facecolor": "black", "axes.facecolor": "black", "text.usetex": True,
                                "font.size": 40, "text.color": "white", "svg.fonttype": "path"}):
        assert chart_svg(chart, result) == plain
    assert b"fill: #ffffff" in plain


def test_no_table_or_chart_imports_pyplot_plotly_or_pandas() -> None:
    code = """
import sys, duckdb
from pluto_duck.workspace import Column, Result
from pluto_duck.display import Chart, chart_bundle, table_bundle
rows = duckdb.connect().execute("SELECT 'a' AS a, 1 AS n, now() AS at, now()::TIMESTAMP_NS AS ns, '10:00'::TIME AS t")
table = rows.to_arrow_reader().read_all()
columns = tuple(Column(*one) for one in (("a", "VARCHAR"), ("n", "INTEGER"), ("at", "TIMESTAMP WITH TIME ZONE"),
                                         ("ns", "TIMESTAMP_NS"), ("t", "TIME")))
result = Result(columns=columns, table=table, sql="", statement="SELECT", elapsed_s=0.0)
table_bundle(result)
chart_bundle(Chart("bar", "a", ("n",)), result)
print([one for one in ("matplotlib.pyplot", "plotly", "pandas") if one in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


EVIL = """
    SELECT unnest(['<script>alert(1)</script>', '$x^{$', '</svg><script>', '<a href="javascript:alert(1)">x</a>',
                   'a' || chr(1) || 'b', 'ünï 日本']) AS "<img src=x onerror=alert(1)> $\\frac",
           unnest([1, 2, 3, 4, 5, 6]) AS "$y<b>"
"""


def test_names_and_values_cannot_become_markup_or_formulas(query: Query) -> None:
    result = query(EVIL)
    chart = pick_chart(result, title="<script>alert(1)</script> $a^{")
    assert chart is not None
    bundle = chart_bundle(chart, result)
    svg = bundle["image/svg+xml"]
    root = ET.fromstring(svg)
    assert "<script" not in svg
    assert not [one for one in root.iter() if one.tag.endswith(("}script", "}a", "}foreignObject"))]
    assert not [name for one in root.iter() for name in one.attrib if name.lower().startswith("on")]
    plot = json.dumps(bundle["application/vnd.plotly.v1+json"])
    assert "<" not in plot
    assert "$" not in plot
    assert chart_png(chart, result).startswith(b"\x89PNG")


def test_bars_lie_down_when_their_labels_are_long(query: Query) -> None:
    def trace(sql: str) -> dict[str, object]:
        result = query(sql)
        chart = pick_chart(result)
        assert chart is not None
        found: dict[str, object] = chart_bundle(chart, result)["application/vnd.plotly.v1+json"]["data"][0]
        return found

    assert "orientation" not in trace(CARRIERS)
    assert trace("SELECT 'A rather long name ' || i AS name, i AS n FROM range(3) t(i)")["orientation"] == "h"


def test_lines_run_in_the_order_of_time(query: Query) -> None:
    result = query("SELECT unnest(['March', 'January', NULL, 'February']) AS m, unnest([3, 1, 9, NULL]) AS n")
    plot = chart_bundle(Chart("line", "m", ("n",)), result)["application/vnd.plotly.v1+json"]
    assert plot["data"][0]["x"] == ["January", "February", "March"]
    assert plot["data"][0]["y"] == [1.0, None, 3.0]


def test_values_that_no_axis_has_are_left_out(query: Query) -> None:
    result = query("SELECT unnest(['a', 'b', 'c']) AS k, unnest(['nan'::DOUBLE, 'inf'::DOUBLE, 2]) AS n")
    chart = Chart("bar", "k", ("n",))
    plot = chart_bundle(chart, result)["application/vnd.plotly.v1+json"]
    assert plot["data"][0]["y"] == [None, None, 2.0]
    json.loads(json.dumps(plot, allow_nan=False))
    assert chart_summary(chart, result) == "Bar chart of n by k: 1 point, highest 2 at c, lowest 2 at c."


def test_a_column_that_is_not_there_is_named(query: Query) -> None:
    with pytest.raises(UnknownName, match="carier"):
        chart_svg(Chart("bar", "carier", ("flights",)), query(CARRIERS))


def test_a_chart_in_words_speaks_to_no_terminal(query: Query) -> None:
    result = query("SELECT '\x1b[2J' || i AS \"\x1b]0;k\", i AS \"\x1b[31mn\" FROM range(3) t(i)")
    chart = pick_chart(result)
    assert chart is not None
    words = chart_summary(chart, result)
    assert "\\x1b" in words
    assert "\x1b" not in words


@pytest.mark.parametrize(("sql", "kinds"), [
    (CARRIERS, ["bar"]),
    (MONTHS, ["line", "bar", "scatter"]),
    (AIRPORTS, ["line", "bar", "scatter"]),
    ("SELECT i * 1.0 AS distance, i * 2.0 AS air_time FROM range(100) t(i)", ["scatter"]),
    ("SELECT 'c' || i AS c, i AS n FROM range(41) t(i)", ["histogram"]),
    ("SELECT DATE '2013-01-01' + i::INTEGER AS day, i AS n FROM range(300) t(i)", ["line", "scatter"]),
    ("SELECT count(*) AS flights FROM range(9)", ["number"]),
    ("SELECT 'a' AS x, 'b' AS y", []),
])
def test_every_chart_that_fits_is_named_the_best_one_first(query: Query, sql: str, kinds: list[str]) -> None:
    found = fitting_charts(query(sql))
    assert [one.kind for one in found] == kinds
    for one in found:
        assert chart_summary(one, query(sql))


def test_the_chart_that_was_asked_for_comes_first(query: Query) -> None:
    asked = Chart("bar", "month", ("delay",), title="Delays")
    assert fitting_charts(query(MONTHS), asked)[0] == asked
    assert {one.kind for one in fitting_charts(query(MONTHS), asked)} == {"bar", "line", "scatter"}
