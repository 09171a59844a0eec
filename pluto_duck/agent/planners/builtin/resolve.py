"""Third step: every way to read the marks becomes a Form with a cost; the cheapest come first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product

from pluto_duck.agent.planners.builtin.form import Condition, Field, Form, Having, Measure, Order, Period
from pluto_duck.agent.planners.builtin.guesses import Guess
from pluto_duck.agent.planners.builtin.joins import Paths
from pluto_duck.agent.planners.builtin.lexicon import DEST_WORDS, ORIGIN_WORDS
from pluto_duck.agent.planners.builtin.marks import Mark
from pluto_duck.agent.planners.builtin.outline import (
    FilterSlot,
    MeasureSlot,
    OrderSlot,
    Outline,
    PeriodSlot,
    less_is_better,
)
from pluto_duck.agent.planners.builtin.vocabulary import Reading
from pluto_duck.catalog import Catalog, Column, Relation, Table
from pluto_duck.catalog.model import is_date
from pluto_duck.catalog.words import singular, split

MAX_COMBINATIONS = 500
MAX_GUESSED = 50
"""Values that a word may be a part of; it says nothing when there are more."""
JOIN_COST = 0.12
_GENERIC = {
    "name",
    "title",
    "type",
    "description",
    "code",
    "id",
    "status",
    "year",
    "date",
    "number",
    "address",
    "city",
}
"""Columns that many tables have: which table's is meant must follow from the rest."""


@dataclass(frozen=True)
class Candidate:
    form: Form
    cost: float
    """0 is a question whose every word is a full name; each doubt adds to it."""
    assumptions: tuple[str, ...]
    evidence: tuple[str, ...]
    guesses: tuple[Guess, ...] = ()
    """Conditions on values that were not said as they stand; they hold only once they are settled."""
    places: tuple[tuple[str, str], ...] = ()
    """Where each value that was said as it stands was found."""


class Impossible(Exception):
    """This combination of readings makes no sense; another one may."""


def candidates(out: Outline, catalog: Catalog, *, limit: int = 8) -> list[Candidate]:
    marks = _marks(out, catalog)
    widths = [6, 4, 3, 2, 1]
    things = {id(one) for one in [*out.things, *(thing for _column, thing in out.bound)]} - {
        id(one) for one in [*out.projections, *out.groups]
    }
    options = [_options(one, thing=id(one) in things) for one in marks]
    if any(not one for one in options):
        return []
    for width in widths:
        cut = [one[:width] for one in options]
        size = 1
        for one in cut:
            size *= len(one)
        if size <= MAX_COMBINATIONS:
            break
    found: dict[Form, Candidate] = {}
    for combination in islice(product(*cut), MAX_COMBINATIONS):
        chosen = {id(mark): reading for mark, reading in zip(marks, combination, strict=True)}
        for candidate in _Build(out, catalog, chosen, marks).candidates():
            known = found.get(candidate.form)
            if known is None or candidate.cost < known.cost:
                found[candidate.form] = candidate
    return sorted(found.values(), key=lambda one: one.cost)[:limit]


def _marks(out: Outline, catalog: Catalog) -> list[Mark]:
    """Every mark that has to be given one meaning, once."""
    slots: list[Mark | None] = [*out.projections, *out.groups, *out.things]
    for measure in [*out.measures, *(having[0] for having in out.having)]:
        slots.append(measure.target)
    for order in out.orders:
        if isinstance(order.by, MeasureSlot):
            slots.append(order.by.target)
        elif isinstance(order.by, Mark):
            slots.append(order.by)
        else:
            slots.append(order.by[0])
    for one in out.filters:
        slots.append(one.target)
        if one.target is None:
            slots.append(one.values[0])
    found: dict[int, Mark] = {}
    for mark in slots:
        if mark is not None and mark.kind in ("mention", "value", "event"):
            if mark.kind == "event" and not mark.readings:
                mark.readings = _events(catalog)
            found.setdefault(id(mark), mark)
    return list(found.values())


def _events(catalog: Catalog) -> list[Reading]:
    """Departures and arrivals are rows of a table that says from where and to where."""
    return [
        Reading(table, None, 0.9, "as its rows")
        for table in catalog.tables
        if any(set(split(c.name)) & {"origin", "source", "from"} for c in table.columns)
        and any(set(split(c.name)) & {"dest", "destination", "to"} for c in table.columns)
    ]


def _options(mark: Mark, *, thing: bool = False) -> list[Reading]:
    """For a value: one reading for each column that has it, the values joined by a line feed."""
    if mark.kind != "value":
        tables = [one for one in mark.readings if one.column is None]
        return tables if thing and tables else mark.readings
    by_column: dict[tuple[str, str], Reading] = {}
    for one in mark.readings:
        assert one.column is not None
        at = (one.table.ref.key, one.column.name)
        if at in by_column:
            before = by_column[at]
            by_column[at] = replace(before, value=before.value + "\n" + one.value)
        else:
            by_column[at] = one
    return sorted(by_column.values(), key=lambda one: -one.strength)


class _Build:
    def __init__(
        self, out: Outline, catalog: Catalog, chosen: dict[int, Reading], marks: Sequence[Mark]
    ) -> None:
        self._out = out
        self._catalog = catalog
        self._chosen = chosen
        self._marks = marks
        self._assumptions: list[str] = []
        self._guesses: list[Guess] = []
        self._cost = 0.0

    def candidates(self) -> Iterator[Candidate]:
        try:
            yield from self._candidates()
        except Impossible:
            return

    def _reading(self, mark: Mark) -> Reading:
        return self._chosen[id(mark)]

    def _candidates(self) -> Iterator[Candidate]:
        out = self._out
        measures = [self._measure(slot) for slot in out.measures]
        having = [
            Having(self._measure(slot, counting=True), operator, value)  # type: ignore[arg-type]
            for slot, operator, value in out.having
        ]
        conditions = [self._condition(slot) for slot in out.filters]
        equal = [
            (one.field.table.ref.key, one.field.column.name)
            for one in conditions
            if one.operator in ("=", "in")
        ]
        if len(set(equal)) < len(equal):
            raise Impossible  # nothing is two things at once
        orders = [self._order(slot, measures) for slot in out.orders]
        grouping = bool(measures or having or any(isinstance(o.by, Measure) for o in orders))
        select = [
            field
            for mark in [*out.groups, *out.projections]
            if mark.kind == "mention"
            for field in self._fields(mark, grouping, orders)
        ]
        rows = not select and not measures and not out.groups
        things = [self._reading(mark).table for mark in out.things]
        if rows and not things and not orders:
            raise Impossible
        counted = [
            *measures,
            *(h.measure for h in having),
            *(o.by for o in orders if isinstance(o.by, Measure)),
        ]
        for root, joins, distinct in self._trees(counted, select, conditions, orders, things):
            yield from self._finish(root, joins, distinct, measures, having, conditions, orders, select)

    # -- parts ------------------------------------------------------------------------------------

    def _measure(self, slot: MeasureSlot, *, counting: bool = False) -> Measure:
        if slot.target is None:
            raise Impossible
        reading = self._reading(slot.target) if id(slot.target) in self._chosen else None
        if reading is None:
            raise Impossible
        table, column = reading.table, reading.column
        if slot.function == "sum" and column is None and len(self._out.measures) > 1:
            raise Impossible
        if slot.function in ("count", "sum") and column is None:
            return Measure("count", table)
        if column is None:
            raise Impossible
        if slot.function == "count":
            if column.role == "measure":
                raise Impossible
            if column.unique and (column.name == table.key or counting) and reading.via is None:
                return Measure("count", table)
            if column.role == "key" and not _says_id(slot.target, column):
                self._cost += 0.2  # "customers" are the rows of customers, before the ids in some other table
            return Measure("count_distinct", table, column)
        if slot.function in ("sum", "avg") and (not column.numeric or column.role in ("key", "date")):
            raise Impossible
        if slot.function in ("sum", "avg") and column.role == "dimension":
            self._cost += 0.2
        if slot.function in ("min", "max") and not (
            column.numeric or is_date(column.type) or column.text_date
        ):
            raise Impossible
        return Measure(slot.function, table, column)  # type: ignore[arg-type]

    def _fields(self, mark: Mark, grouping: bool, orders: Sequence[Order]) -> list[Field]:
        reading = self._reading(mark)
        table, column = reading.table, reading.column
        if column is not None:
            if grouping and column.role == "measure" and not mark.text.lower().startswith(("name",)):
                self._cost += 0.25
            if column.role == "key" and reading.via is None and not _says_id(mark, column):
                self._cost += 0.2  # "per customer" wants customers by name, not by number
            return [Field(table, column)]
        names = [name for name in (table.key, table.label) if name is not None]
        if grouping:
            if not names:
                raise Impossible
            return [Field(table, table.column(name)) for name in dict.fromkeys(names)]
        if len([*self._out.projections]) > 1 and not names:
            raise Impossible
        if (
            mark.plural
            and not self._out.ranked
            and not self._out.filters
            and len(self._out.projections) == 1
            and not self._out.orders
        ):
            return [Field(table, one) for one in table.columns]
        if not names:
            return [Field(table, one) for one in table.columns]
        fields = [Field(table, table.column(name)) for name in dict.fromkeys(names)]
        return fields + [
            o.by for o in orders if isinstance(o.by, Field) and o.by not in fields and o.by.table is table
        ]

    def _condition(self, slot: FilterSlot) -> Condition:
        mark = slot.target or slot.values[0]
        reading = self._reading(mark)
        table, column = reading.table, reading.column
        if column is None:
            table, column = self._column_of_value(reading, slot)
        if slot.operator in ("contains", "starts", "ends"):
            if not column.textual:
                raise Impossible
            return Condition(Field(table, column), slot.operator, (slot.values[0].text,))  # type: ignore[arg-type]
        kinds = {value.kind for value in slot.values}
        if kinds <= {"number"}:
            return self._number_condition(table, column, slot)
        if kinds <= {"day"}:
            return self._day_condition(table, column, slot)
        return self._value_condition(table, column, slot)

    def _column_of_value(self, reading: Reading, slot: FilterSlot) -> tuple[Table, Column]:
        for one in slot.values[0].readings:
            if (
                one.table.ref == reading.table.ref
                and one.column is not None
                and slot.values[0].kind == "value"
            ):
                return one.table, one.column
        raise Impossible

    def _number_condition(self, table: Table, column: Column, slot: FilterSlot) -> Condition:
        values = tuple(one.value for one in slot.values)
        if not column.numeric:
            if column.textual and slot.operator in ("in", "not in", "="):
                return _in(
                    Field(table, column),
                    "in" if slot.operator == "=" else slot.operator,
                    tuple(str(v) for v in values),
                )
            raise Impossible
        if slot.operator in ("in", "not in"):
            return _in(Field(table, column), slot.operator, values)
        return Condition(Field(table, column), slot.operator, values)  # type: ignore[arg-type]

    def _day_condition(self, table: Table, column: Column, slot: FilterSlot) -> Condition:
        day = slot.values[0].value
        if column.part == "year" and day.month is None and day.quarter is None:
            return Condition(Field(table, column), slot.operator, (day.year,))  # type: ignore[arg-type]
        if (is_date(column.type) or column.text_date) and day.year is not None:
            edge = day.after() if slot.operator in (">", "<=") else day.first()
            operator = {">": ">=", "<=": "<"}.get(slot.operator, slot.operator)
            if operator in (">=", "<"):
                return Condition(Field(table, column), operator, (edge.isoformat(),))  # type: ignore[arg-type]
        raise Impossible

    def _value_condition(self, table: Table, column: Column, slot: FilterSlot) -> Condition:
        texts: list[str] = []
        for value in slot.values:
            found = [
                one.value
                for one in value.readings
                if one.table.ref == table.ref and one.column is not None and one.column.name == column.name
            ]
            if value.kind == "text":
                found = [value.text]  # quoted: taken as it stands
                self._assumptions.append(f"'{value.text}' was looked for in {column.name} as it stands")
            if not found or not column.textual:
                raise Impossible
            found = list(dict.fromkeys(found))
            several = len({one.casefold() for one in found}) > 1
            if value.likeness is not None or several:
                if len(found) > MAX_GUESSED or slot.operator not in ("in", "not in"):
                    raise Impossible
                guess = Guess(value.text, Field(table, column), tuple(found), value.likeness or "part")
                self._guesses.append(guess)
            else:
                self._longer(value, table, column)
            texts += found
        return _in(Field(table, column), slot.operator, tuple(dict.fromkeys(texts)))

    def _longer(self, value: Mark, table: Table, column: Column) -> None:
        """AIRBUS was said, and there is AIRBUS INDUSTRIE too: it may have been meant as well."""
        others = [
            one.text for one in value.longer if one.table.key == table.ref.key and one.column == column.name
        ]
        if others:
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            self._assumptions.append(
                f"only the {column.name} '{value.text}' itself counts, not '{others[0]}'{more}"
            )

    def _order(self, slot: OrderSlot, measures: Sequence[Measure]) -> Order:
        if isinstance(slot.by, MeasureSlot):
            by: Measure | Field = self._measure(slot.by)
            column = by.column
        elif isinstance(slot.by, Mark):
            if slot.by.kind == "grain":
                raise Impossible
            reading = self._reading(slot.by)
            if reading.column is None:
                if self._out.ranked:
                    by = Measure("count", reading.table)
                else:
                    label = reading.table.label or reading.table.key
                    if label is None:
                        raise Impossible
                    by = Field(reading.table, reading.table.column(label))
            else:
                by = self._same_measure(reading, measures) or Field(reading.table, reading.column)
            column = reading.column
        else:
            by, column = self._hinted(slot, measures)
        return Order(by, self._descending(slot, column))

    def _same_measure(self, reading: Reading, measures: Sequence[Measure]) -> Measure | None:
        """ "average delay by carrier, highest delay first": the delay that is already averaged."""
        same = [
            one for one in measures if one.column == reading.column and one.table.ref == reading.table.ref
        ]
        if same:
            return same[0]
        if measures and reading.column is not None and reading.column.role == "measure":
            raise Impossible
        if (
            self._out.groups
            and self._out.ranked
            and reading.column is not None
            and reading.column.role == "measure"
        ):
            raise Impossible
        return None

    def _hinted(self, slot: OrderSlot, measures: Sequence[Measure]) -> tuple[Measure | Field, Column | None]:
        assert isinstance(slot.by, tuple)
        target, hints = slot.by
        if (not hints and slot.direction in ("asc", "desc")) or "#" in hints:
            if len(measures) != 1:
                if "#" in hints and not measures and len(self._out.things) == 1:
                    return Measure("count", self._reading(self._out.things[0]).table), None
                raise Impossible
            return measures[0], measures[0].column
        spoken = [
            self._reading(mark)
            for mark in ([target] if target else [*self._out.projections, *self._out.things])
            if mark.kind == "mention"
        ]
        tables = list({one.table.ref.key: one.table for one in spoken}.values())[:1]
        for table in tables:
            wanted = [c for c in table.columns if _fits(c, slot.direction, hints)]
            if len(wanted) == 1:
                self._assumptions.append(f"'{slot.word}' goes by {wanted[0].name}")
                return Field(table, wanted[0]), wanted[0]
        raise Impossible

    def _descending(self, slot: OrderSlot, column: Column | None) -> bool:
        if slot.direction in ("worst", "best"):
            if column is None:
                raise Impossible
            less = less_is_better(split(column.name))
            descending = (slot.direction == "worst") == less
            self._assumptions.append(
                f"'{slot.word}' means the {'highest' if descending else 'lowest'} {column.name}"
            )
            return descending
        if slot.direction in ("age", "youth"):
            by_age = column is not None and "age" in split(column.name)
            return by_age == (slot.direction == "age")
        return slot.direction in ("desc", "late")

    # -- tables -----------------------------------------------------------------------------------

    def _trees(
        self,
        counted: Sequence[Measure],
        select: Sequence[Field],
        conditions: Sequence[Condition],
        orders: Sequence[Order],
        things: Sequence[Table],
    ) -> Iterator[tuple[Table, tuple[Relation, ...], bool]]:
        paths = Paths.of(self._catalog)
        needed = {one.table.ref.key for one in counted} | {one.table.ref.key for one in select}
        needed |= {table.ref.key for table in things}
        needed |= {one.field.table.ref.key for one in conditions}
        needed |= {one.by.table.ref.key for one in orders}
        forced = [reading.via for reading in self._chosen.values() if reading.via is not None]
        sure = {one.table.ref.key for one in counted if one.function in ("sum", "avg")}
        if len(sure) > 1:
            return  # two sums over two tables would multiply each other
        own = {one.table.ref.key for one in counted} or {one.table.ref.key for one in select}
        found = False
        for key in sorted(paths.roots, key=lambda k: (k not in own, k not in needed, k)):
            if (sure and key not in sure) or (found and key not in own):
                continue  # a bridge only where the thing itself does not lead everywhere
            for joins in paths.trees(key, sorted(needed), forced):
                fanned = (bool(own) and not own <= ({key} | {j.parent.key for j in joins})) or key not in own
                found = True
                yield self._catalog.table(key), joins, fanned

    def _finish(
        self,
        root: Table,
        joins: tuple[Relation, ...],
        fanned: bool,
        measures: Sequence[Measure],
        having: Sequence[Having],
        conditions: Sequence[Condition],
        orders: Sequence[Order],
        select: Sequence[Field],
    ) -> Iterator[Candidate]:
        out = self._out
        try:
            turn = {
                one: _rooted(one, root)
                for one in [
                    *measures,
                    *(h.measure for h in having),
                    *(o.by for o in orders if isinstance(o.by, Measure)),
                ]
            }
            _check_groups(list(turn.values()), select, root)
        except Impossible:
            return
        grouping = bool(turn)
        if having and not (out.groups or out.projections):
            return  # a count of groups: needs a query inside a query
        reached = [root, *(self._catalog.table(one.parent) for one in joins)]
        limit, notes = self._limit(grouping)
        notes += [
            f"rows of {one.child} whose {one.child_column} is not among the {one.parent} are left out"
            for one in joins
            if not one.complete
        ]
        ordering = [Order(turn[o.by] if isinstance(o.by, Measure) else o.by, o.descending) for o in orders]
        for periods, period_cost, period_notes in self._periods(reached):
            for grains, grain_cost in self._grains(reached, grouping):
                if (out.groups or out.projections) and not select and not grains:
                    continue
                form = Form(
                    root,
                    joins,
                    (*grains, *dict.fromkeys(select)),
                    tuple(dict.fromkeys(turn[m] for m in measures)),
                    tuple(dict.fromkeys(conditions)),
                    periods,
                    tuple(replace(h, measure=turn[h.measure]) for h in having),
                    tuple(ordering),
                    limit,
                    not grouping and (out.distinct or (fanned and bool(select)) or _repeats(select, out)),
                    not select and not grains and not measures,
                )
                cost = self._cost + self._readings_cost(root, joins) + period_cost + grain_cost
                yield Candidate(
                    form,
                    cost,
                    (*self._assumptions, *self._words(), *notes, *period_notes),
                    self._evidence(),
                    tuple(self._guesses),
                    self._places(),
                )

    def _places(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (mark.text, _place(self._reading(mark)))
            for mark in self._marks
            if mark.kind == "value" and mark.likeness is None
        )

    def _limit(self, grouping: bool) -> tuple[int | None, list[str]]:
        out = self._out
        if out.limit is not None or not out.ranked:
            return out.limit, []
        if not out.single:
            return None, ["no number was given: all are ranked"]
        return 1, []

    def _readings_cost(self, root: Table, joins: tuple[Relation, ...]) -> float:
        cost = sum(1 - reading.strength for reading in self._chosen.values())
        cost += sum(JOIN_COST + 0.1 * (1 - join.confidence) for join in joins)
        for hint in self._out.hints:
            cost += sum(_towards(hint, split(join.child_column)) for join in joins)
        for slot in self._out.filters:
            if slot.preposition in ("from", "to"):
                reading = self._reading(slot.target or slot.values[0])
                words = [
                    word
                    for join in joins
                    if join.parent.key == reading.table.ref.key
                    for word in split(join.child_column)
                ]
                words += split(reading.column.name) if reading.column is not None else ()
                cost += _towards("origin" if slot.preposition == "from" else "dest", words)
        used = {root.ref.key} | {join.parent.key for join in joins}
        spoken = {r.table.ref.key for r in self._chosen.values()}
        for column, thing in self._out.bound:
            if id(column) in self._chosen and id(thing) in self._chosen:
                mine, its = self._reading(column), self._reading(thing)
                if mine.table.ref != its.table.ref and mine.via is None:
                    cost += 0.6
        return cost + 0.1 * len(used - spoken) + 0.15 * self._strangers()

    def _strangers(self) -> int:
        """Columns of a table that nothing else in the question leads to: "name" after "carriers" is theirs."""
        chosen = list(self._chosen.values())
        strangers = 0
        for one in chosen:
            if (
                one.column is None
                or one.via is not None
                or one.value
                or split(one.column.name)[-1] not in _GENERIC
            ):
                continue
            near = {one.table.ref.key} | {
                r.child.key
                for r in self._catalog.relations
                if r.parent.key == one.table.ref.key
                and any(
                    o.column is not None
                    and o.table.ref.key == r.child.key
                    and o.column.name == r.child_column
                    for o in chosen
                )
            }
            others = {o.table.ref.key for o in chosen if o is not one}
            strangers += bool(others) and not (near & others)
        return strangers

    def _words(self) -> list[str]:
        notes = []
        for mark in self._marks:
            reading = self._reading(mark)
            if mark.typo and mark.kind == "mention":
                notes.append(f"'{mark.text}' was read as '{mark.typo}'")
            if (
                reading.how in ("part of its name", "by a synonym", "by its stem", "by its abbreviation", "as its rows")
                and mark.kind != "value"
            ):
                notes.append(f"'{mark.text}' was taken for {_place(reading)}")
        return notes

    def _evidence(self) -> tuple[str, ...]:
        found = []
        for mark in self._marks:
            reading = self._reading(mark)
            value = f" = {reading.value!r}" if reading.value and "\n" not in reading.value else ""
            found.append(
                f"'{mark.text}' is {_place(reading)}{value}" + (f" ({reading.how})" if reading.how else "")
            )
        return tuple(found)

    # -- dates ------------------------------------------------------------------------------------

    def _periods(self, reached: Sequence[Table]) -> Iterator[tuple[tuple[Period, ...], float, list[str]]]:
        if not self._out.periods:
            yield (), 0.0, []
            return
        per_slot = [list(self._period_options(slot, reached)) for slot in self._out.periods]
        for choice in islice(product(*per_slot), 6):
            yield (
                tuple(one[0] for one in choice),
                sum(one[1] for one in choice),
                [note for one in choice for note in one[2]],
            )

    def _period_options(
        self, slot: PeriodSlot, reached: Sequence[Table]
    ) -> Iterator[tuple[Period, float, list[str]]]:
        for depth, table in enumerate(reached):
            for columns, cost in self._date_columns(table):
                period = Period(table, columns, slot.side, slot.first, slot.last)  # type: ignore[arg-type]
                if not _expressible(period):
                    continue
                notes = []
                if any(mark.kind == "value" and mark.text.lower().endswith("ed") for mark in self._marks):
                    notes.append(f"the date is {columns[0].name}")  # "shipped in May" may speak of another date
                years = _years(table, columns)
                if slot.first.year is None and (years is None or years[0] != years[1]):
                    notes.append(f"no year was given: {slot.first} of every year counts")
                yield period, cost + 0.15 * depth, notes

    def _date_columns(self, table: Table) -> Iterator[tuple[tuple[Column, ...], float]]:
        parts = tuple(
            column for column in table.columns if column.part and column.part == split(column.name)[-1]
        )
        if any(one.part in ("year", "month") for one in parts):
            yield parts, 0.0
        dates = [c for c in table.columns if is_date(c.type) or c.text_date]
        spoken = {word for verb in self._out.verbs for word in (verb.value, singular(verb.text.lower()))}
        spoken |= {verb.text.lower().removesuffix("ed") for verb in self._out.verbs}
        for column in dates:
            said = bool(spoken & set(split(column.name)))
            yield (
                (column,),
                (0.05 if parts and any(p.part == "year" for p in parts) and len(parts) > 1 else 0.0)
                + (0.0 if said or len(dates) == 1 else 0.02)
                + (0.2 if parts and len(parts) > 1 else 0.0),
            )
        if not parts and not dates:
            for column in table.columns:
                if column.part == "year":
                    yield (column,), 0.1

    def _grains(self, reached: Sequence[Table], grouping: bool) -> Iterator[tuple[tuple[Field, ...], float]]:
        marks = [mark for mark in [*self._out.groups, *self._out.projections] if mark.kind == "grain"]
        if not marks:
            yield (), 0.0
            return
        options = [list(self._grain_options(mark, reached, grouping)) for mark in marks]
        for choice in islice(product(*options), 6):
            yield tuple(field for one in choice for field in one[0]), sum(one[1] for one in choice)

    def _grain_options(
        self, mark: Mark, reached: Sequence[Table], grouping: bool
    ) -> Iterator[tuple[tuple[Field, ...], float]]:
        for depth, table in enumerate(reached):
            parts = {c.part: c for c in table.columns if c.part and split(c.name) == (c.part,)}
            if mark.value in parts:
                part = parts[mark.value]
                fields = [Field(table, part)]
                year = parts.get("year")
                if mark.value != "year" and year is not None and year.low != year.high and grouping:
                    fields.insert(0, Field(table, year))
                if mark.value == "day" and "month" in parts:
                    fields.insert(-1, Field(table, parts["month"]))
                yield tuple(fields), 0.15 * depth
                continue
            named = [
                r
                for r in mark.readings
                if r.table.ref == table.ref
                and r.column is not None
                and r.strength > 0.95
                and not is_date(r.column.type)
            ]
            if named and named[0].column is not None:
                yield (Field(table, named[0].column),), 0.15 * depth
                continue
            if grouping:
                for column in table.columns:
                    if is_date(column.type) or column.text_date:
                        yield (Field(table, column, mark.value),), 0.15 * depth


def _check_groups(measures: Sequence[Measure], select: Sequence[Field], root: Table) -> None:
    """Counting what the rows are grouped by gives 1 in every group: that was not asked."""
    for measure in measures:
        if measure.function == "count_distinct" and any(
            f.column == measure.column and f.table.ref == measure.table.ref for f in select
        ):
            raise Impossible
        if measure.function == "count" and any(
            f.column.name == root.key and f.table.ref == root.ref for f in select
        ):
            raise Impossible


def _says_id(mark: Mark, column: Column) -> bool:
    words = split(column.name)
    return len(words) == 1 or singular(mark.text.lower().split()[-1]) in (words[-1], "id", "number", "code")


def _towards(hint: str, words: Sequence[str]) -> float:
    """What it costs that a column speaks of where things come from when the question says where they go."""
    mine, other = (ORIGIN_WORDS, DEST_WORDS) if hint == "origin" else (DEST_WORDS, ORIGIN_WORDS)
    if mine & set(words):
        return -0.02
    return 0.3 if other & set(words) else 0.0


def _in(field: Field, operator: str, values: tuple[str | int | float, ...]) -> Condition:
    if len(values) == 1:
        return Condition(field, "=" if operator == "in" else "<>", values)
    return Condition(field, "in" if operator == "in" else "not in", values)


def _rooted(measure: Measure, root: Table) -> Measure:
    """The measure as it must be taken when the rows of `root` are what is gone through."""
    if measure.table.ref == root.ref:
        return measure
    if measure.function == "count":
        if measure.table.key is None:
            raise Impossible
        return Measure("count_distinct", measure.table, measure.table.column(measure.table.key))
    if measure.function in ("sum", "avg"):
        raise Impossible  # the join would count rows twice
    return measure


def _repeats(select: Sequence[Field], out: Outline) -> bool:
    """One column of categories is asked for: nobody wants each as often as it occurs."""
    if len(select) != 1 or out.orders:
        return False
    column, table = select[0].column, select[0].table
    return (
        column.role == "dimension"
        and column.name != table.label
        and not column.unique
        and column.distinct < 0.5 * table.rows
        and not out.things
    )


def _fits(column: Column, direction: str, hints: Sequence[str]) -> bool:
    words = set(split(column.name))
    if direction in ("late", "early"):
        return is_date(column.type) or column.text_date or (column.part == "year" and len(words) == 1)
    if direction in ("age", "youth"):
        return bool(words & {"age", "birthday", "birthdate", "birth"}) and (
            column.numeric or is_date(column.type)
        )
    return bool(words & set(hints)) and column.numeric


def _expressible(period: Period) -> bool:
    days = [period.first, *([period.last] if period.last else [])]
    if any(day.year is None for day in days) and period.side != "in":
        return False
    kinds = {column.part for column in period.columns}
    if kinds == {None}:
        return True
    if period.side == "in":
        day = period.first
        return (
            (day.year is None or "year" in kinds)
            and (day.month is None or "month" in kinds)
            and (day.day is None or "day" in kinds)
            and (day.quarter is None or bool({"quarter", "month"} & kinds))
        )
    plain = all(day.month is None and day.quarter is None for day in days)
    return "year" in kinds and (plain or {"year", "month", "day"} <= kinds)


def _years(table: Table, columns: Sequence[Column]) -> tuple[int, int] | None:
    """First and last year in the data; None when it isn't known."""
    for column in columns:
        if column.low is None or column.high is None:
            continue
        if column.part == "year":
            return int(column.low), int(column.high)
        if column.part is None:
            return int(str(column.low)[:4]), int(str(column.high)[:4])
    return None


def _place(reading: Reading) -> str:
    if reading.column is None:
        return f"the table {reading.table.ref}"
    return f"{reading.table.ref}.{reading.column.name}"
