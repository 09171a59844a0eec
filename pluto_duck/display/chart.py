"""A chart as data: what is drawn of which columns. It can be read, edited and checked; nothing in it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from pluto_duck.errors import UsageError, nearest, unknown_name

Kind = Literal["bar", "line", "scatter", "histogram", "number"]
Sort = Literal["", "ascending", "descending"]
Stacked = Literal["", "sum", "share"]

MAX_TITLE = 200
MAX_LIMIT = 1_000
_WRITTEN = "kind=bar x=carrier y=flights sort=descending limit=10"


@dataclass(frozen=True)
class Chart:
    """Columns by the names they have in the Result that it is drawn from."""

    kind: Kind
    x: str
    """Along the axis; of a histogram or a number the measure itself."""
    y: tuple[str, ...] = ()
    """The measures; none for a histogram or a number."""
    color: str | None = None
    """A column whose values split the rows into series; then `y` has one name."""
    title: str = ""
    sort: Sort = ""
    """Of bars by their length; "": in the order of the rows."""
    limit: int | None = None
    """Bars at most; how many are left out is told."""
    stacked: Stacked = ""
    """Bars of one x on each other: as they are, or as shares of 100 %."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column it needs."""
        return (self.x, *self.y, *((self.color,) if self.color else ()))

    def spec(self) -> dict[str, Any]:
        """As a mapping of plain values, without what is left at its default; `chart_of` reads it again."""
        told: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if value != one.default:
                told[one.name] = list(value) if isinstance(value, tuple) else value
        return told


_TEXTS = ("x", "title")


def chart_of(spec: Mapping[str, Any], columns: Sequence[str]) -> Chart:
    """A Chart from a mapping, for rows with these columns. Raises UsageError or UnknownName, which say what is wrong
    and what is right."""
    known = [one.name for one in fields(Chart)]
    for name in spec:
        if name not in known:
            raise unknown_name("setting", str(name), known, where="a chart")
    kind = spec.get("kind")
    if kind not in get_args(Kind):
        raise _wrong("kind", kind, get_args(Kind))
    found: dict[str, Any] = {"kind": kind, "y": _names(spec.get("y"))}
    if kind in ("histogram", "number") and found["y"] and not spec.get("x"):
        found["x"], found["y"] = found["y"][0], found["y"][1:]  # the one measure, under either name
    for name in _TEXTS:
        value = spec.get(name, found.get(name, ""))
        if not isinstance(value, str):
            raise UsageError(f"The {name} of a chart is a text, not {value!r}.", hint=_WRITTEN)
        found[name] = value
    found["title"] = found["title"][:MAX_TITLE]
    color = spec.get("color")
    if color is not None and not isinstance(color, str):
        raise UsageError(f"The color of a chart is the name of a column, not {color!r}.", hint=_WRITTEN)
    found["color"] = color or None
    for name, choices in (("sort", get_args(Sort)), ("stacked", get_args(Stacked))):
        found[name] = spec.get(name) or ""
        if found[name] not in choices:
            raise _wrong(name, found[name], choices[1:])
    found["limit"] = _limit(spec.get("limit"))
    chart = Chart(**found)
    _fitting(chart, columns)
    return chart


def _names(value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else () if value is None else value
    if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
        raise UsageError(f"The y of a chart is the name of a column, or a list of them, not {value!r}.", hint=_WRITTEN)
    return tuple(dict.fromkeys(one for one in names if one))


def _limit(value: Any) -> int | None:
    if value in (None, ""):
        return None
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_LIMIT:
        raise UsageError(f"The limit of a chart is a whole number from 1 to {MAX_LIMIT:,}, not {value!r}.")
    return value


def _fitting(chart: Chart, columns: Sequence[str]) -> None:
    """Raises where its parts do not go together, or a column is not there."""
    alone = chart.kind in ("histogram", "number")
    if not chart.x:
        raise UsageError(f"A {chart.kind} needs an x: the column along its axis.", hint=_WRITTEN)
    if alone and (chart.y or chart.color):
        raise UsageError(f"A {chart.kind} has one column, its x, and no y or color.",
                         hint=f"kind={chart.kind} x=COLUMN")
    if not alone and not chart.y:
        raise UsageError(f"A {chart.kind} chart needs a y: the measure that is drawn.", hint=_WRITTEN)
    if chart.color and len(chart.y) > 1:
        raise UsageError("With a color there is one y.", hint="Leave the color or all but one y out.")
    if chart.kind != "bar":
        for name in ("sort", "limit", "stacked"):
            if getattr(chart, name):
                raise UsageError(f"Only bars have {name}.", hint=_WRITTEN)
    for name in chart.columns:
        if name not in columns:
            raise unknown_name("column", name, list(columns), where="the result")


def _wrong(name: str, value: Any, choices: Sequence[str]) -> UsageError:
    near = nearest(str(value), choices)
    meant = f" Did you mean {near[0]}?" if near else ""
    if value in (None, ""):
        return UsageError(f"A chart needs a {name}: {', '.join(choices)}.", hint=_WRITTEN)
    return UsageError(f"The {name} of a chart is one of {', '.join(choices)}, not {value!r}.{meant}", hint=_WRITTEN)


def longitude(name: str) -> bool:
    return name.lower().rpartition("_")[2] in ("lon", "lng", "long", "longitude")


def latitude(name: str) -> bool:
    return name.lower().rpartition("_")[2] in ("lat", "latitude")
