"""Shares of a whole, and how a figure went from one period to the next."""

from __future__ import annotations

from dataclasses import replace

from pluto_duck.agent.planners.builtin.lexicon import GRAINS
from pluto_duck.agent.planners.builtin.marks import Mark, has_figure, has_measure, has_table
from pluto_duck.agent.planners.builtin.outline.cursor import Cursor, Steps
from pluto_duck.agent.planners.builtin.outline.measures import measure
from pluto_duck.agent.planners.builtin.outline.slots import FilterSlot, MeasureSlot, Outline, PeriodSlot
from pluto_duck.agent.planners.builtin.relative import Relative


def on_share(cursor: Cursor, mark: Mark) -> None:
    cursor.out.share = str(mark.value)
    cursor.out.of_whole = mark.text.lower().startswith("as a")
    if not cursor.out.measures and not _figure(cursor) and not _figure_ahead(cursor):
        cursor.out.left_over.append(mark)


def on_change(cursor: Cursor, mark: Mark) -> None:
    """Monthly growth compares with the month before; by month and year over year, with that month a year earlier."""
    out = cursor.out
    unit = mark.value or next((GRAINS[word] for word in mark.text.lower().split() if word in GRAINS), None)
    finer = [one for one in [*out.groups, *cursor.marks[cursor.at :]] if one.kind == "grain" and one.value != "year"]
    if unit == "year" and finer:
        out.change = "year"
    else:
        out.change = out.change or "before"
        if unit is not None or "grain" in {one.kind for one in cursor.marks}:
            out.notes.append("each period is compared with the one before it that has rows")
        if unit is not None and not any(one.kind == "grain" for one in [*out.groups, *cursor.marks[cursor.at :]]):
            out.groups.append(Mark("grain", str(unit), unit))
    if not out.measures and not _figure(cursor) and unit is None and not _figure_ahead(cursor):
        out.left_over.append(mark)


def _figure_ahead(cursor: Cursor) -> bool:
    """How did revenue change: the figure comes later, or was there."""
    return any(one.kind in ("count", "agg") or has_figure(one) for one in cursor.marks)


def on_running(cursor: Cursor, mark: Mark) -> None:
    cursor.out.running = True
    if not cursor.out.measures and not _figure(cursor):
        cursor.out.left_over.append(mark)


def on_within(cursor: Cursor, mark: Mark) -> None:
    """The share of each product within its category."""
    if cursor.peek().kind == "mention" and cursor.out.share:
        cursor.out.within.append(cursor.take())
        cursor.last = "group"
    elif cursor.peek().kind == "mention" and cursor.out.ranked:
        cursor.out.groups.append(cursor.take())
        cursor.last = "group"
    else:
        cursor.out.left_over.append(mark)


def on_part_of(cursor: Cursor, mark: Mark) -> None:
    """Refunds as a percentage of revenue: one figure divided by another."""
    cursor.skip("prep", "show")
    slot = measure(cursor) if len(cursor.out.measures) == 1 else None
    if slot is None:
        if mark.value and cursor.peek().kind in ("agg", "end"):
            cursor.skip("agg")
            cursor.out.share = "percent" if mark.value == "percent" else "share"
            return
        cursor.out.left_over.append(mark)
        return
    cursor.out.measures.append(slot)
    cursor.out.quotient = True
    if mark.value == "percent":
        cursor.out.share = "percent"
    cursor.said_measure()


def on_ratio(cursor: Cursor, mark: Mark) -> None:
    """The ratio of returns to orders."""
    first = _one(cursor)
    while first is not None and cursor.peek().kind in ("prep", "and", "versus"):
        cursor.take()
    second = _one(cursor) if first is not None else None
    if first is None or second is None:
        cursor.out.left_over.append(mark)
        return
    cursor.out.measures += [first, second]
    cursor.out.quotient = True
    cursor.said_measure()


def _one(cursor: Cursor) -> MeasureSlot | None:
    slot = measure(cursor)
    if slot is None and cursor.peek().kind == "mention":
        target = cursor.take()
        slot = MeasureSlot("sum" if has_measure(target) else "count", target)
    return slot


def on_compare(cursor: Cursor, mark: Mark) -> None:
    cursor.head = True
    cursor.out.versus = True


def on_versus(cursor: Cursor, mark: Mark) -> None:
    """What follows stands beside what came before: a time, or a value."""
    out = cursor.out
    out.versus = True
    same = cursor.peek().kind == "same"
    cursor.skip("same", "prep")
    nxt = cursor.peek()
    last_year = nxt.kind == "relative" and nxt.value == Relative("year", 1)
    if nxt.kind == "yearago" or (last_year and (same or _in_time(cursor))):
        cursor.take()
        out.change = "year"
        out.versus = False
        if same:
            _up_to_now(out)
    elif nxt.kind in ("value", "text") and out.filters and cursor.last == "filter":
        out.filters[-1].values.append(cursor.take())
    elif nxt.kind in ("day", "relative", "mention", "count", "agg"):
        return
    else:
        out.left_over.append(mark)


def _in_time(cursor: Cursor) -> bool:
    """By month, or in a time: what is compared with last year is the same time a year earlier."""
    grains = [one for one in [*cursor.out.groups, *cursor.marks[cursor.at :]] if one.kind == "grain"]
    whole = [one for one in cursor.out.periods if one.first == Relative("year", 0)]
    return bool(grains or cursor.out.periods) and not whole


def on_year_ago(cursor: Cursor, mark: Mark) -> None:
    """A year ago, without "compared to": the year before."""
    cursor.out.periods.append(PeriodSlot("in", Relative("year", 1)))
    cursor.last, cursor.preposition = "period", ""


def on_same(cursor: Cursor, mark: Mark) -> None:
    if cursor.peek().kind in ("yearago", "relative"):
        cursor.take()
        cursor.out.change = "year"
        _up_to_now(cursor.out)
    else:
        cursor.out.left_over.append(mark)


def _up_to_now(out: Outline) -> None:
    """This year and the same period last year: as much of that as there is of this one."""
    for one in out.periods:
        if isinstance(one.first, Relative) and one.first.back == 0 and not (one.first.rolling or one.first.part):
            one.first = replace(one.first, to_date=True)


def on_above(cursor: Cursor, mark: Mark) -> None:
    """Brands with above average margin; months in which revenue was below average."""
    cursor.skip("prep")
    slot = measure(cursor)
    if slot is None and cursor.peek().kind == "mention" and has_measure(cursor.peek()):
        cursor.filter(FilterSlot(cursor.take(), str(mark.value), [Mark("agg", "average", "avg")]))
    elif slot is not None or cursor.out.measures:
        cursor.out.above.append((slot, str(mark.value), "avg"))
    else:
        cursor.out.left_over.append(mark)
    cursor.last, cursor.head = "filter", False


def on_trend(cursor: Cursor, mark: Mark) -> None:
    """By month, where nothing else is said."""
    if not cursor.out.measures:
        _figure(cursor)
    if not any(one.kind in ("grain", "by") for one in [*cursor.out.groups, *cursor.marks[cursor.at :]]):
        cursor.out.groups.append(Mark("grain", "month", "month"))
        cursor.out.notes.append("the trend is told by month")


def _figure(cursor: Cursor) -> bool:
    """What the part is taken of: rows are counted, a measure is added up."""
    cursor.skip("prep", "show")
    if cursor.peek().kind == "value" and cursor.peek(1).kind == "mention" and has_table(cursor.peek(1)):
        cursor.filter(FilterSlot(None, "in", [cursor.take()]))  # the share of shipped orders
        cursor.out.inside = True
    slot = measure(cursor)
    if slot is None and cursor.peek().kind == "mention":
        target = cursor.take()
        slot = MeasureSlot("sum" if has_measure(target) else "count", target)
    if slot is None:
        return False
    cursor.out.measures.append(slot)
    cursor.said_measure()
    return True


STEPS: Steps = {
    "share": on_share,
    "change": on_change,
    "trend": on_trend,
    "running": on_running,
    "within": on_within,
    "partof": on_part_of,
    "ratio": on_ratio,
    "compare": on_compare,
    "versus": on_versus,
    "yearago": on_year_ago,
    "same": on_same,
    "cmpavg": on_above,
}
