"""Second step: which part each mark plays. A mark that finds no part stays over, and the question is declined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pluto_duck.agent.planners.builtin.dates import Day
from pluto_duck.agent.planners.builtin.lexicon import DELAY_LIKE, SUPERLATIVES
from pluto_duck.agent.planners.builtin.marks import Mark


@dataclass
class MeasureSlot:
    function: str
    target: Mark | None
    """None: the rows of whatever the question is about."""


@dataclass
class FilterSlot:
    target: Mark | None
    """None: the values say which column."""
    operator: str
    values: list[Mark]
    preposition: str = ""


@dataclass
class PeriodSlot:
    side: str
    first: Day
    last: Day | None = None


@dataclass
class OrderSlot:
    by: MeasureSlot | Mark | tuple[Mark | None, tuple[str, ...]]
    """A measure, a column, or a thing and the column words that an adjective speaks of."""
    direction: str
    """asc, desc, worst, best, late, early, age, youth."""
    word: str


@dataclass
class Outline:
    measures: list[MeasureSlot] = field(default_factory=list)
    groups: list[Mark] = field(default_factory=list)
    projections: list[Mark] = field(default_factory=list)
    filters: list[FilterSlot] = field(default_factory=list)
    periods: list[PeriodSlot] = field(default_factory=list)
    having: list[tuple[MeasureSlot, str, float]] = field(default_factory=list)
    orders: list[OrderSlot] = field(default_factory=list)
    things: list[Mark] = field(default_factory=list)
    """Tables spoken of that only have to be there."""
    verbs: list[Mark] = field(default_factory=list)
    limit: int | None = None
    distinct: bool = False
    bound: list[tuple[Mark, Mark]] = field(default_factory=list)
    """A column and the thing it belongs to: "name of the track", "track names"."""
    hints: set[str] = field(default_factory=set)
    """Roles that were spoken of: origin, dest."""
    left_over: list[Mark] = field(default_factory=list)
    ranked: bool = False
    """A superlative asked for a ranking."""
    single: bool = True
    """The superlative asks for one: "which carrier", not "which carriers"."""


def outline(marks: Sequence[Mark]) -> Outline:
    return _Parser(marks).parse()


class _Parser:
    def __init__(self, marks: Sequence[Mark]) -> None:
        self._marks = marks
        self._at = 0
        self._out = Outline()
        self._head = True
        self._last: str = ""
        self._preposition = ""
        self._negated = False
        self._unbound: list[Mark] = []
        self._spoken: Mark | None = None
        """The last table or column before the superlative: "carriers" in "which carriers flew the most"."""

    def _peek(self, ahead: int = 0) -> Mark:
        at = self._at + ahead
        return self._marks[at] if at < len(self._marks) else Mark("end", "")

    def _take(self) -> Mark:
        mark = self._peek()
        self._at += 1
        if mark.kind in ("mention", "grain") and not self._out.ranked:
            self._spoken = mark
        return mark

    def _before(self, mark: Mark) -> str:
        """The kind of the mark in front of this one."""
        at = next((i for i, one in enumerate(self._marks) if one is mark), 0)
        return self._marks[at - 1].kind if at else ""

    def _skip(self, *kinds: str) -> None:
        while self._peek().kind in kinds:
            self._take()

    def parse(self) -> Outline:
        while self._peek().kind != "end":
            mark = self._take()
            step = getattr(self, f"_on_{mark.kind}", None)
            if step is None:
                self._out.left_over.append(mark)
            else:
                step(mark)
        self._finish()
        return self._out

    # -- heads ------------------------------------------------------------------------------------

    def _on_show(self, mark: Mark) -> None:
        if mark.text.lower() in ("which", "that") and not self._head:
            return
        self._head = True

    def _on_where(self, mark: Mark) -> None:
        self._head = False
        self._preposition = ""
        self._last = "where"

    def _on_prep(self, mark: Mark) -> None:
        if mark.value == "for" and self._last in ("group",):
            pass
        self._preposition = str(mark.value)
        if self._out.projections or self._out.measures or self._out.orders or self._out.things:
            self._head = False
        self._last = "prep"

    def _on_comma(self, mark: Mark) -> None:
        pass

    def _on_and(self, mark: Mark) -> None:
        if self._last in ("projection", "measure"):
            self._head = self._last == "projection" or self._head

    def _on_or(self, mark: Mark) -> None:
        self._out.left_over.append(mark)

    def _on_not(self, mark: Mark) -> None:
        nxt = self._peek()
        if nxt.kind in ("value", "text", "number") or (
            nxt.kind == "prep" and self._peek(1).kind in ("value", "text")
        ):
            self._negated = True
        else:
            self._out.left_over.append(mark)

    def _on_verb(self, mark: Mark) -> None:
        self._out.verbs.append(mark)

    def _on_distinct(self, mark: Mark) -> None:
        self._out.distinct = True

    # -- measures ---------------------------------------------------------------------------------

    def _measure(self) -> MeasureSlot | None:
        """A measure that begins here, or None; leaves the marks alone when there is none."""
        start = self._at
        mark = self._take()
        if mark.kind == "count":
            self._skip("distinct", "show", "prep", "count")
            if self._peek().kind in ("mention", "event"):
                return MeasureSlot("count", self._counted())
            self._at = start
            return None
        if mark.kind in ("agg", "sum"):
            self._skip("distinct", "prep", "show")
            if self._peek().kind == "mention":
                return MeasureSlot(str(mark.value or "sum"), self._take())
            if self._peek().kind == "count" and mark.value == "sum":
                return self._measure()
        if mark.kind == "event":
            return MeasureSlot("count", self._event(mark))
        self._at = start
        return None

    def _counted(self) -> Mark:
        mark = self._take()
        return self._event(mark) if mark.kind == "event" else mark

    def _event(self, mark: Mark) -> Mark:
        self._out.hints.add(str(mark.value))
        return mark

    def _on_count(self, mark: Mark) -> None:
        self._at -= 1
        slot = self._measure()
        if slot is None:
            self._take()
            self._out.left_over.append(mark)
            return
        self._out.measures.append(slot)
        self._said_measure()
        # "how many flights and passengers": both are counted.
        if (
            self._peek().kind == "and"
            and self._peek(1).kind == "mention"
            and self._peek(2).kind not in ("cmp", "value", "number")
        ):
            self._take()
            self._out.measures.append(MeasureSlot("count", self._take()))

    def _said_measure(self) -> None:
        self._last = "measure"
        self._head = False
        self._preposition = ""

    def _on_event(self, mark: Mark) -> None:
        self._out.things.append(self._event(mark))

    def _on_sum(self, mark: Mark) -> None:
        self._on_agg(mark)

    def _on_agg(self, mark: Mark) -> None:
        functions = [mark]
        while self._peek().kind in ("and", "comma", "agg", "super"):
            ahead = 0
            while self._peek(ahead).kind in ("and", "comma"):
                ahead += 1
            if self._peek(ahead).kind != "agg":
                break
            self._at += ahead
            functions.append(self._take())
        self._skip("prep", "show")
        if self._peek().kind == "count" and mark.value == "sum" and len(functions) == 1:
            self._on_count(self._take())
            return
        if self._peek().kind not in ("mention", "event"):
            self._out.left_over.append(mark)
            return
        targets = [self._counted()]
        while (
            self._peek().kind in ("and", "comma")
            and self._peek(1).kind == "mention"
            and _measures(self._peek(1))
            and self._peek(2).kind not in ("cmp", "value", "number", "between", "like", "mention")
        ):
            self._take()
            targets.append(self._take())
        for target in targets:
            self._out.measures += [MeasureSlot(str(one.value or "sum"), target) for one in functions]
        self._said_measure()

    # -- rankings ---------------------------------------------------------------------------------

    def _on_top(self, mark: Mark) -> None:
        nxt = self._peek()
        if nxt.kind == "number":
            self._out.limit = int(self._take().value)
            if self._peek().kind == "super":
                self._on_super(self._take())
                return
            self._out.ranked, self._out.single = True, False
            self._out.orders.append(OrderSlot((None, ()), str(mark.value), mark.text))
            self._head = True
        else:
            self._out.left_over.append(mark)

    def _on_super(self, mark: Mark) -> None:
        direction, hints = SUPERLATIVES[str(mark.value)]
        out = self._out
        if self._peek().kind == "number" and out.limit is None and self._peek(1).kind in ("mention", "super"):
            out.limit = int(self._take().value)
            if self._peek().kind == "super":  # the 3 most expensive: the adjective follows
                self._on_super(self._take())
                return
        if self._peek().kind == "number" and self._last == "prep" and self._peek(1).kind == "end":
            out.left_over.append(mark)
            return
        if not out.ranked:
            follows = self._peek().kind == "mention" and _strong_thing(self._peek()) and bool(hints)
            spoken = self._peek() if follows or self._spoken is None else self._spoken
            out.single = not spoken.plural
        out.ranked = True
        self._skip("prep", "show") if self._peek().kind in ("prep",) and not hints else None
        slot = self._measure()
        if slot is not None:
            out.orders.append(OrderSlot(slot, direction, mark.text))
            self._said_measure()
            return
        nxt = self._peek()
        if nxt.kind == "mention":
            self._super_mention(mark, direction, hints)
        elif hints or direction in ("age", "youth", "late", "early"):
            out.orders.append(OrderSlot((None, hints), direction, mark.text))
        else:
            out.left_over.append(mark)

    def _super_mention(self, mark: Mark, direction: str, hints: tuple[str, ...]) -> None:
        target = self._take()
        self._bind(target)
        out = self._out
        measured = _measures(target)
        word = mark.text.lower()
        if measured and not (_things(target) and hints):
            alone = not out.orders and out.limit is None
            by_group = bool(out.groups) or any(one.kind == "group" for one in self._marks[self._at :])
            if alone and (by_group or (self._head and not out.projections)):
                out.measures.append(
                    MeasureSlot("max" if direction == "desc" else "min", target)
                    if direction in ("desc", "asc")
                    else MeasureSlot("max", target)
                )
                if direction not in ("desc", "asc"):
                    out.left_over.append(mark)
                self._said_measure()
                return
            out.orders.append(OrderSlot(target, direction, mark.text))
        elif word in ("most", "least", "fewest", "highest number of"):
            out.orders.append(OrderSlot(MeasureSlot("count", target), direction, mark.text))
        elif hints or direction in ("age", "youth", "late", "early"):
            out.orders.append(OrderSlot((target, hints), direction, mark.text))
            if self._head:
                self._project(target)
        elif (
            _dated(target)
            or measured
            or any(r.column is not None and r.column.numeric for r in target.readings)
        ):
            out.orders.append(OrderSlot(target, direction, mark.text))
        else:
            out.left_over.append(mark)
        self._last = "order"

    def _on_dir(self, mark: Mark) -> None:
        if self._out.orders and not self._out.ranked:
            self._out.orders[-1].direction = str(mark.value)
            self._skip("prep")
            if self._peek().kind == "mention" and self._out.orders[-1].by == (None, ()):
                self._out.orders[-1].by = self._take()
        elif not self._out.orders:
            self._skip("prep")
            slot = self._measure()
            if slot is not None:
                self._out.orders.append(OrderSlot(slot, str(mark.value), mark.text))
            elif self._peek().kind == "mention":
                self._out.orders.append(OrderSlot(self._take(), str(mark.value), mark.text))
            elif self._out.projections and mark.text.lower().endswith(
                ("alphabetically", "alphabetical order", "alphabetical")
            ):
                self._out.orders.append(OrderSlot(self._out.projections[0], "asc", mark.text))
            else:
                self._out.left_over.append(mark)
        else:
            self._out.left_over.append(mark)

    def _on_order(self, mark: Mark) -> None:
        self._skip("by", "prep", "dir") if self._peek().kind == "by" else None
        direction = "asc"
        if self._peek().kind == "dir":
            direction = str(self._take().value)
            self._skip("by", "prep")
        self._order_terms(mark, direction)

    def _order_terms(self, mark: Mark, direction: str) -> None:
        self._skip("show")
        slot = self._measure()
        if slot is None and self._peek().kind in ("mention", "grain"):
            by: MeasureSlot | Mark = self._take()
        elif slot is not None:
            by = slot
        else:
            self._out.left_over.append(mark)
            return
        self._out.orders.append(OrderSlot(by, direction, mark.text))
        if self._peek().kind == "dir":
            self._out.orders[-1].direction = str(self._take().value)
        self._last = "order"
        self._head = False

    # -- groups -----------------------------------------------------------------------------------

    def _on_by(self, mark: Mark) -> None:
        pending = self._out.orders and self._out.orders[-1].by == (None, ()) and self._out.ranked
        if pending:
            order = self._out.orders[-1]
            if self._peek().kind == "super":  # top 5 by highest price
                order.direction = SUPERLATIVES[str(self._take().value)][0]
            slot = self._measure()
            if slot is not None:
                order.by = slot
            elif self._peek().kind == "mention":
                order.by = self._take()
            else:
                self._out.left_over.append(mark)
            self._last, self._head = "order", False
        elif self._peek().kind in ("mention", "grain") and (self._last != "passive"):
            self._on_group(mark)
        elif self._peek().kind in ("value", "text", "day"):
            self._preposition = "by"
        else:
            self._out.left_over.append(mark)

    def _on_group(self, mark: Mark) -> None:
        self._skip("distinct", "prep")
        if self._peek().kind not in ("mention", "grain"):
            self._out.left_over.append(mark)
            return
        while True:
            self._out.groups.append(self._take())
            ahead = 0
            while self._peek(ahead).kind in ("and", "comma", "by", "group"):
                ahead += 1
            again = self._peek(ahead)
            if (
                not ahead
                or again.kind not in ("mention", "grain")
                or _measures(again)
                or self._peek(ahead + 1).kind in ("cmp", "value", "like", "between")
            ):
                break
            self._at += ahead
        self._last = "group"

    def _on_grain(self, mark: Mark) -> None:
        if self._peek().kind == "prep" and self._peek().value == "of" and self._peek(1).kind == "day":
            self._take()
        elif self._peek().kind == "day":
            return
        elif self._peek().kind in ("cmp", "side", "number", "between") and mark.readings:
            self._on_mention(mark)
        elif self._head or self._last == "projection":
            self._project(mark)
        else:
            self._out.left_over.append(mark)

    # -- mentions, values, dates ------------------------------------------------------------------

    def _project(self, mark: Mark) -> None:
        self._out.projections.append(mark)
        self._last = "projection"
        if not _strong_thing(mark):
            self._unbound.append(mark)

    def _bind(self, thing: Mark) -> None:
        """The columns named so far, after which "of" came, are this thing's."""
        if self._preposition in ("of", "for") and _things(thing) and self._unbound:
            self._out.bound += [(column, thing) for column in self._unbound]
            self._unbound = []

    def _on_mention(self, mark: Mark) -> None:
        if self._peek().kind == "mention" and not self._out.ranked:
            if _things(mark):
                self._out.things.append(mark)
                self._out.bound.append((self._peek(), mark))
            else:
                self._out.left_over.append(mark)
            return
        self._bind(mark)
        if self._filtered(mark):
            self._last, self._head = "filter", False
            return
        if self._head or (self._last == "projection" and not _things(mark)):
            self._project(mark)
        elif _things(mark) and self._before(mark) == "and":
            # "names of parties and their regions": the second is asked for, or we don't know what it does.
            if self._out.projections and not self._out.measures and self._last != "filter":
                self._project(mark)
            else:
                self._out.left_over.append(mark)
        elif _things(mark):
            self._out.things.append(mark)
            self._last = "thing"
        else:
            self._out.left_over.append(mark)

    def _filtered(self, mark: Mark) -> bool:
        """Takes the comparison that follows a column, if one does."""
        start = self._at
        negated = False
        if self._peek().kind == "not":
            negated = True
            self._take()
        nxt = self._peek()
        if nxt.kind == "prep" and self._peek(1).kind in ("cmp", "between") and nxt.value in ("of", "in"):
            self._take()
            nxt = self._peek()
        if (
            nxt.kind in ("cmp", "side")
            and self._peek(1).kind in ("number", "day")
            and not (_strong_thing(mark) or self._peek(2).kind == "mention")
        ):
            return self._compared(mark, negated, start)
        if (
            nxt.kind == "between"
            and self._peek(1).kind == "number"
            and self._peek(2).kind == "and"
            and self._peek(3).kind == "number"
        ):
            self._take()
            low, _and, high = self._take(), self._take(), self._take()
            self._out.filters.append(FilterSlot(mark, "between", [low, high]))
            return not negated
        if nxt.kind == "like" and self._peek(1).kind in ("text", "value", "unknown", "mention"):
            operator = str(self._take().value)
            self._out.filters.append(FilterSlot(mark, operator, [self._take()]))
            return not negated
        if nxt.kind == "cmp" and nxt.value == "=" and self._peek(1).kind in ("value", "text"):
            self._take()
            nxt = self._peek()
        if nxt.kind in ("value", "text") and self._binds(mark, nxt):
            values = self._listed(self._take())
            self._out.filters.append(FilterSlot(mark, "not in" if negated else "in", values))
            return True
        if (
            nxt.kind == "number"
            and self._peek(1).kind not in ("mention", "super")
            and any(
                r.column is not None and (r.column.role in ("key", "dimension", "date") or not self._head)
                for r in mark.readings
            )
        ):
            self._out.filters.append(FilterSlot(mark, "not in" if negated else "in", [self._take()]))
            return True
        self._at = start
        return False

    def _compared(self, mark: Mark, negated: bool, start: int) -> bool:
        sign = self._take()
        number = self._take()
        operator = {"after": ">", "since": ">=", "before": "<", "until": "<="}.get(
            str(sign.value or sign.text).lower(), str(sign.value)
        )
        if negated:
            self._at = start
            return False
        self._out.filters.append(FilterSlot(mark, operator, [number]))
        return True

    def _binds(self, mark: Mark, value: Mark) -> bool:
        """A column followed by one of its values; by any text in quotes."""
        if value.kind == "text":
            return any(r.column is not None and r.column.textual for r in mark.readings)
        return bool(_columns(mark) & _columns(value)) or any(
            r.column is None and r.table.ref in {v.table.ref for v in value.readings} for r in mark.readings
        )

    def _on_like(self, mark: Mark) -> None:
        self._out.left_over.append(mark)

    def _listed(self, first: Mark) -> list[Mark]:
        values = [first]
        while True:
            ahead = 0
            while self._peek(ahead).kind in ("comma", "or", "and"):
                ahead += 1
            nxt = self._peek(ahead)
            if (
                not ahead
                or nxt.kind not in ("value", "text", "number")
                or (nxt.kind == "number") != (first.kind == "number")
            ):
                return values
            if first.kind == "value" and nxt.kind == "value" and not _columns(first) & _columns(nxt):
                return values
            if nxt.kind == "number" and self._peek(ahead + 1).kind == "mention":
                return values
            self._at += ahead
            values.append(self._take())

    def _on_value(self, mark: Mark) -> None:
        values = self._listed(mark)
        target = None
        if self._peek().kind == "mention" and self._binds(self._peek(), mark) and not _things(self._peek()):
            target = self._take()  # "the LAX destination": the column follows
        self._out.filters.append(
            FilterSlot(target, "not in" if self._negated else "in", values, self._preposition)
        )
        self._negated = False
        self._last = "filter"
        if self._out.projections or self._out.measures:
            self._head = False

    def _on_text(self, mark: Mark) -> None:
        self._out.left_over.append(mark)

    def _on_number(self, mark: Mark) -> None:
        nxt = self._peek()
        if nxt.kind == "super" and self._out.limit is None:
            self._out.limit = int(mark.value)
            self._on_super(self._take())
        elif (
            self._head
            and nxt.kind == "mention"
            and self._out.limit is None
            and not self._out.projections
            and any(one.kind == "super" for one in self._marks[self._at :])
        ):
            self._out.limit = int(mark.value)
        else:
            self._out.left_over.append(mark)

    def _on_cmp(self, mark: Mark) -> None:
        """`more than 300 seats`: the number stands before its column; with a table it counts rows."""
        if self._peek().kind == "number" and self._peek(1).kind == "mention":
            number, target = self._take(), self._take()
            if _measures(target) and not _strong_thing(target):
                self._out.filters.append(FilterSlot(target, str(mark.value), [number]))
            else:
                self._out.having.append((MeasureSlot("count", target), str(mark.value), float(number.value)))
            self._last = "filter"
        else:
            self._out.left_over.append(mark)

    def _on_between(self, mark: Mark) -> None:
        if self._peek().kind == "day" and self._peek(1).kind == "and" and self._peek(2).kind == "day":
            first, _and, last = self._take(), self._take(), self._take()
            self._period("between", first.value, last.value)
        else:
            self._out.left_over.append(mark)

    def _on_side(self, mark: Mark) -> None:
        if self._peek().kind == "day":
            self._period(str(mark.value), self._take().value)
        else:
            self._out.left_over.append(mark)

    def _on_day(self, mark: Mark) -> None:
        nxt = self._peek()
        if (
            self._preposition == "from"
            and nxt.kind in ("prep", "side")
            and str(nxt.value) in ("to", "until", "through")
            and self._peek(1).kind == "day"
        ):
            self._take()
            self._period("between", mark.value, self._take().value)
        elif nxt.kind in ("and", "or", "comma") and self._peek(1).kind == "day":
            self._out.left_over.append(mark)
        else:
            self._period("in", mark.value)

    def _period(self, side: str, first: Any, last: Any = None) -> None:
        if side == "between" and first.year is None and last.year is not None:
            first = Day(last.year, first.quarter, first.month, first.day)
        self._out.periods.append(PeriodSlot(side, first, last))
        self._preposition = ""
        self._last = "period"
        if self._out.projections or self._out.measures:
            self._head = False

    # -- the end ----------------------------------------------------------------------------------

    def _finish(self) -> None:
        out = self._out
        if self._negated:
            out.left_over.append(Mark("unsupported", "not", "this use of 'not'"))
        counting = (
            out.measures or out.having or any(isinstance(order.by, MeasureSlot) for order in out.orders)
        )
        if counting:
            out.groups = [*out.projections, *out.groups]
            out.projections = []
        elif out.groups and out.orders:
            out.projections, out.groups = [*out.projections, *out.groups], []
        if not counting and not out.projections and out.things:
            out.projections = out.things[:1]


def _measures(mark: Mark) -> bool:
    """The words may name something that can be added up or averaged."""
    return any(
        r.column is not None and r.column.role == "measure" for r in mark.readings
    ) and not _strong_thing(mark)


def _things(mark: Mark) -> bool:
    return any(r.column is None for r in mark.readings)


def _strong_thing(mark: Mark) -> bool:
    """The words name a table better than any column."""
    things = [r.strength for r in mark.readings if r.column is None]
    return bool(things) and max(things) >= max(
        (r.strength for r in mark.readings if r.column is not None), default=0
    )


def _dated(mark: Mark) -> bool:
    return any(r.column is not None and r.column.role == "date" for r in mark.readings)


def _columns(mark: Mark) -> set[tuple[str, str]]:
    return {(r.table.ref.key, r.column.name) for r in mark.readings if r.column is not None}


def less_is_better(words: Sequence[str]) -> bool:
    return bool(DELAY_LIKE & set(words))
