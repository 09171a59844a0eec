"""A Chart over a Result as plain numbers and labels, in the order they are drawn: what both the
interactive and the static drawing, and the summary in words, are made from."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pluto_duck.display.chart import POINTS, Chart, order_of
from pluto_duck.display.values import NULL, cut, text, visible
from pluto_duck.errors import unknown_name

if TYPE_CHECKING:
    from pluto_duck.workspace.result import Result

LABEL_WIDTH = 32


@dataclass(frozen=True)
class Series:
    name: str
    x: tuple[Any, ...]
    """float, date, datetime, or str for labels."""
    y: tuple[float | None, ...]


@dataclass(frozen=True)
class Plot:
    """What is drawn. `labels` is the shared axis when x are labels, in order, else empty."""

    chart: Chart
    series: tuple[Series, ...]
    labels: tuple[str, ...]
    y_title: str
    total: int
    """Rows of the Result; more than are drawn when there are too many."""

    @property
    def title(self) -> str:
        return self.chart.title or f"{self.y_title} by {self.chart.x}"

    @property
    def horizontal(self) -> bool:
        """Bars lie when their labels would have to be turned, or there are many of them."""
        lengths = [len(label) for label in self.labels]
        return self.chart.kind == "bar" and (sum(lengths) > 60 or len(lengths) > 16 or max(lengths, default=0) > 14)


def plot(chart: Chart, result: Result) -> Plot:
    """Raises UnknownName for a column that the Result does not have."""
    names = [column.name for column in result.columns]
    for name in (chart.x, *chart.y, *([chart.color] if chart.color else [])):
        if name not in names:
            raise unknown_name("column", name, names, where="the result")
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
    return Plot(chart, tuple(series), labels, ", ".join(chart.y), result.row_count)


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
    points = [(x, y, one.name) for one in drawn.series
              for x, y in zip(one.x, one.y, strict=True) if y is not None]
    words = f"{kind[chart.kind]} of {drawn.y_title} by {text(chart.x)}"
    words += f", split by {text(chart.color)}" if chart.color else ""
    words += f": {len(points)} points" if len(points) != 1 else ": 1 point"
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
    return visible(f"{words}, highest {told(highest)}, lowest {told(lowest)}.")
