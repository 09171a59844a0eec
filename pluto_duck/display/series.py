"""A Chart over a Result as plain numbers and labels, in the order they are drawn: what both the
interactive and the static drawing, and the summary in words, are made from."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pluto_duck.display.bins import bins
from pluto_duck.display.chart import Chart, latitude, longitude
from pluto_duck.display.picking import POINTS
from pluto_duck.display.roles import order_of
from pluto_duck.display.values import NULL, cut, text, visible
from pluto_duck.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from pluto_duck.workspace.result import Result

LABEL_WIDTH = 32


@dataclass(frozen=True)
class Series:
    name: str
    x: tuple[Any, ...]
    """float, date, datetime, or str for labels."""
    y: tuple[float | None, ...]
    """Of stacked shares: in percent."""


@dataclass(frozen=True)
class Plot:
    """What is drawn. `labels` is the shared axis when x are labels, in order, else empty."""

    chart: Chart
    series: tuple[Series, ...]
    labels: tuple[str, ...]
    y_title: str
    total: int
    """Rows of the Result; more than are drawn when there are too many."""
    hidden: int = 0
    """Bars that the chart's limit leaves out."""
    step: float = 0.0
    """How wide the bars of a histogram are, whose x are their left edges; 0 for every other chart."""
    value: str = ""
    """Of a number: itself, exact."""

    @property
    def title(self) -> str:
        if self.chart.kind == "number":
            return self.chart.title or self.chart.x
        if self.chart.kind == "histogram":
            return self.chart.title or f"Distribution of {self.chart.x}"
        return self.chart.title or f"{self.y_title} by {self.chart.x}"

    @property
    def mapped(self) -> bool:
        """Its axes are degrees of the earth, and must not be stretched."""
        return self.chart.kind == "scatter" and longitude(self.chart.x) and latitude(self.chart.y[0])

    @property
    def horizontal(self) -> bool:
        """Bars lie when their labels would have to be turned, or there are many of them."""
        lengths = [len(label) for label in self.labels]
        return self.chart.kind == "bar" and (sum(lengths) > 60 or len(lengths) > 16 or max(lengths, default=0) > 14)


def plot(chart: Chart, result: Result) -> Plot:
    """Raises UnknownName for a column that the Result does not have."""
    names = [column.name for column in result.columns]
    for name in chart.columns:
        if name not in names:
            raise unknown_name("column", name, names, where="the result")
    if chart.kind in ("histogram", "number"):
        values = result.values()[names.index(chart.x)]
        return _counted(chart, values) if chart.kind == "histogram" else _number_alone(chart, values)
    data = dict(zip(names, result.values(POINTS), strict=True))
    xs, labels = _axis(chart, data[chart.x])
    rows = [i for i in range(len(xs)) if xs[i] is not None]
    if chart.kind == "line":
        rank = {one: i for i, one in enumerate(labels)}
        rows.sort(key=lambda i: rank[xs[i]] if labels else xs[i])
    series = []
    if chart.color is not None:
        groups = [text(one) for one in data[chart.color]]
        for group in sorted(dict.fromkeys(groups)) if chart.kind == "line" else dict.fromkeys(groups):
            picked = [i for i in rows if groups[i] == group]
            series.append(_series(cut(group, LABEL_WIDTH), xs, data[chart.y[0]], picked))
    else:
        series = [_series(name, xs, data[name], rows) for name in chart.y]
    drawn = Plot(chart, tuple(series), labels, ", ".join(chart.y), result.row_count)
    return _arranged(drawn) if chart.kind == "bar" else drawn


def _counted(chart: Chart, values: list[Any]) -> Plot:
    numbers = [one for one in map(_number, values) if one is not None]
    edges, counts, step = bins(numbers)
    series = Series("rows", tuple(edges), tuple(map(float, counts)))
    return Plot(chart, (series,), (), "rows", len(values), step=step)


def _number_alone(chart: Chart, values: list[Any]) -> Plot:
    if len(values) != 1:
        raise UsageError(f"A number needs a single row, and there are {len(values):,}.",
                         hint="Draw it as a bar or a histogram.")
    value = values[0]
    told = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else \
        f"{value:,f}" if isinstance(value, Decimal) else text(value)
    return Plot(chart, (), (), chart.x, 1, value=told)


def _arranged(drawn: Plot) -> Plot:
    """Bars as the chart has them: sorted, limited, as shares of 100 %."""
    chart, sizes = drawn.chart, dict.fromkeys(drawn.labels, 0.0)
    for one in drawn.series:
        for x, y in zip(one.x, one.y, strict=True):
            sizes[x] += y or 0.0
    labels = list(drawn.labels)
    if chart.sort:
        labels.sort(key=sizes.__getitem__, reverse=chart.sort == "descending")
    kept = labels if chart.limit is None else labels[:chart.limit]
    if chart.stacked == "share" and any((y or 0) < 0 for one in drawn.series for y in one.y):
        raise UsageError("Shares of 100 % can't be drawn: there are values below 0.", hint="stacked=sum, or none.")
    if chart.sort or len(kept) < len(labels) or chart.stacked:
        series = tuple(_reordered(one, kept, sizes if chart.stacked == "share" else {}) for one in drawn.series)
        title = f"{drawn.y_title} (% of all)" if chart.stacked == "share" else drawn.y_title
        drawn = replace(drawn, series=series, labels=tuple(kept), hidden=len(labels) - len(kept), y_title=title)
    return drawn


def _reordered(one: Series, labels: list[str], whole: dict[str, float]) -> Series:
    values: dict[str, float | None] = dict(zip(one.x, one.y, strict=True))
    there = [label for label in labels if label in values]

    def sized(label: str) -> float | None:
        value = values[label]
        return value if value is None or not whole else value / whole[label] * 100 if whole[label] else 0.0

    return Series(one.name, tuple(there), tuple(map(sized, there)))


def _series(name: str, xs: list[Any], ys: list[Any], rows: list[int]) -> Series:
    return Series(name, tuple(xs[i] for i in rows), tuple(_number(ys[i]) for i in rows))


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float | Decimal):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _axis(chart: Chart, values: list[Any]) -> tuple[list[Any], tuple[str, ...]]:
    """The x of each row, and the labels in order when x are labels. A bar's NULL is a label too."""
    if chart.kind != "bar":
        order = order_of(values)
        if order is not None:
            labels = tuple(sorted({str(v) for v in values if v is not None}, key=order.__getitem__))
            return [None if v is None else str(v) for v in values], labels
        if all(v is None or isinstance(v, int | float | Decimal) for v in values):
            return [_number(v) for v in values], ()
        if all(v is None or isinstance(v, dt.date) for v in values):
            return list(values), ()
    texts = [NULL if v is None else cut(text(v), LABEL_WIDTH) for v in values]
    return list(texts), tuple(dict.fromkeys(texts))


def summary(drawn: Plot) -> str:
    """The chart in words, for text outputs and for whoever can't see it."""
    chart, kind = drawn.chart, {"bar": "Bar chart", "line": "Line chart", "scatter": "Scatter plot"}
    if chart.kind == "number":
        return visible(f"{chart.x}: {drawn.value}")
    if chart.kind == "histogram":
        return _histogram_summary(drawn)
    points = [(x, y, one.name) for one in drawn.series
              for x, y in zip(one.x, one.y, strict=True) if y is not None]
    words = f"{kind[chart.kind]} of {drawn.y_title} by {text(chart.x)}"
    words += f", split by {text(chart.color)}" if chart.color else ""
    words += f": {len(points)} points" if len(points) != 1 else ": 1 point"
    words += f" ({drawn.hidden:,} more bars are left out)" if drawn.hidden else ""
    if drawn.total > POINTS:
        words += f" (of {drawn.total:,} rows)"
    if not points:
        return visible(words + ".")
    many = len(drawn.series) > 1

    def told(point: tuple[Any, float, str]) -> str:
        x, y, name = point
        at = f"{x:g}" if isinstance(x, float) else text(x)
        return f"{y:,.6g} at {at}" + (f" ({text(name)})" if many else "")

    highest, lowest = max(points, key=lambda p: p[1]), min(points, key=lambda p: p[1])
    return visible(f"{words}, highest {told(highest)}, lowest {told(lowest)}".rstrip(".") + ".")


def _histogram_summary(drawn: Plot) -> str:
    (series,) = drawn.series
    words = f"Histogram of {text(drawn.chart.x)}: {sum(y or 0 for y in series.y):,.0f} values"
    if not series.x:
        return visible(words + ".")
    fullest = max(range(len(series.x)), key=lambda i: series.y[i] or 0)
    low = series.x[fullest]
    return visible(f"{words} from {series.x[0]:,.6g} to {series.x[-1] + drawn.step:,.6g} in {len(series.x)} steps, "
                   f"most ({series.y[fullest]:,.0f}) from {low:,.6g} to {low + drawn.step:,.6g}.")
