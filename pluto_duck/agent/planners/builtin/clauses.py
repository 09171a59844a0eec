"""Questions that hold another question: who never ordered, who have both, how many have more than two orders.

The inner question is read by the same grammar, about the same thing, and becomes a condition on its key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pluto_duck.agent.planners.builtin.form import Condition, Field, Form, Member
from pluto_duck.agent.planners.builtin.guesses import settle
from pluto_duck.agent.planners.builtin.marks import Mark, has_figure, has_table
from pluto_duck.agent.planners.builtin.outline import Outline, outline
from pluto_duck.agent.planners.builtin.resolve import Candidate, candidates
from pluto_duck.agent.planners.builtin.vocabulary import Reading, Vocabulary
from pluto_duck.catalog import Catalog
from pluto_duck.catalog.words import entity
from pluto_duck.errors import StatementError
from pluto_duck.workspace import Result

_NESTING_COST = 0.05
_ENDS = ("order", "dir", "top", "group")
Run = Callable[[Form], Result]


@dataclass(frozen=True)
class Clause:
    marks: tuple[Mark, ...]
    negated: bool


@dataclass(frozen=True)
class Nested:
    main: tuple[Mark, ...]
    clauses: tuple[Clause, ...]


def nested(marks: Sequence[Mark]) -> Nested | None:
    """The question without what it asks of another one, and that; None for a plain question."""
    for at, mark in enumerate(marks):
        if mark.kind in ("without", "not") and at:
            return _negated(marks, at)
        if mark.kind == "both":
            return _both(marks, at)
    return _counted(marks)


def _end(marks: Sequence[Mark], start: int) -> int:
    """Where the clause that begins at `start` is over."""
    for at in range(start, len(marks)):
        again = marks[at].kind == "show" and at > start and marks[at].text.lower() not in ("which", "that", "what")
        groups = (
            marks[at].kind == "by"
            and at > start
            and marks[at - 1].kind in ("mention", "day", "relative", "value", "where")
            and at + 1 < len(marks)
            and marks[at + 1].kind in ("mention", "grain")
        )
        if marks[at].kind in _ENDS or again or groups:
            return at
    return len(marks)


def _negated(marks: Sequence[Mark], at: int) -> Nested | None:
    end = _end(marks, at + 1)
    clause = tuple(marks[at + 1 : end])
    figures = any(mark.kind in ("count", "agg", "sum") or has_figure(mark) for mark in marks)
    apart = any(mark.kind in ("by", "group") for mark in marks)
    if figures and apart and all(mark.kind in ("value", "comma", "and", "or", "where") for mark in clause):
        return None  # revenue by region without Germany: of the other rows, not of regions that have none of it
    if not clause or (marks[at - 1].kind == "and" and "never" not in marks[at].text.lower()):
        return None  # with and without
    if len(clause) > 1 and clause[0].kind == "dated" and has_table(clause[1]):
        said = {r.table.ref.key for r in clause[0].readings}
        if said & {r.table.ref.key for r in clause[1].readings if r.column is None}:
            clause = clause[1:]  # never started a subscription
    if all(mark.kind in ("prep", "day", "relative", "side", "between", "and") for mark in clause):
        # who ordered in 2024 but not in 2025: ordered, both times
        clause = (*[mark for mark in marks[:at] if mark.kind == "verb"][-1:], *clause)
    start = at
    while start and marks[start - 1].kind in ("where", "and", "comma", "prep", "by"):
        start -= 1
    if clause[0].kind in ("value", "text") and marks[at - 1].kind == "mention" and not has_table(marks[at - 1]):
        start, clause = at - 1, (marks[at - 1], *clause)  # whose type is not Text
    return Nested((*marks[:start], *marks[end:]), (Clause(clause, True),))


def _both(marks: Sequence[Mark], at: int) -> Nested | None:
    end = _end(marks, at + 1)
    inside = marks[at + 1 : end]
    middle = next((i for i, mark in enumerate(inside) if mark.kind == "and"), None)
    if not middle:
        return None
    first, second = tuple(inside[:middle]), tuple(inside[middle + 1 :])
    if not (_restricts(first) and _restricts(second)):
        return None
    lead: tuple[Mark, ...] = ()
    start = at
    if _when(first) and _when(second) and marks[at - 1].kind in ("verb", "dated"):
        start, lead = at - 1, (marks[at - 1],)  # who ordered both in May and in June: ordered, both times
    elif _when(first) or _when(second):
        return None
    while start and marks[start - 1].kind in ("where", "prep", "by"):
        start -= 1
        lead = (marks[start], *lead)
    if first[0].kind == "mention" and second[0].kind in ("value", "number") and len(first) > 1:
        second = (first[0], *second)  # both level 1 and 2
    trailing = next((mark for mark in second if mark.kind == "mention"), None)
    if trailing is not None and first[0].kind in ("value", "text") and len(first) == 1:
        first = (*first, *(mark for mark in second if mark.kind == "mention"))  # both the red and the blue team
    return Nested((*marks[:start], *marks[end:]), (Clause((*lead, *first), False), Clause((*lead, *second), False)))


def _when(marks: Sequence[Mark]) -> bool:
    return all(mark.kind in ("prep", "day", "relative", "span") for mark in marks)


def _restricts(marks: Sequence[Mark]) -> bool:
    return any(mark.kind in ("value", "text", "number", "cmp", "day", "relative", "span") for mark in marks)


def _counted(marks: Sequence[Mark]) -> Nested | None:
    """How many customers have more than two orders: the counted ones are found by another count."""
    if not any(mark.kind in ("count", "agg") for mark in marks[:4]):
        return None
    for at in range(2, len(marks) - 2):
        cmp, number, thing = marks[at : at + 3]
        if cmp.kind == "cmp" and number.kind == "number" and thing.kind == "mention" and has_table(thing):
            end = _end(marks, at)
            return Nested((*marks[:at], *marks[end:]), (Clause(tuple(marks[at:end]), False),))
    return None


def composed(question: Nested, catalog: Catalog, run: Run, *, strict: bool = True, limit: int = 4) -> list[Candidate]:
    """Candidates for the whole question, the cheapest first. `strict`: every word of a clause must play its part."""
    found: list[Candidate] = []
    whole_of = outline(question.main)
    if whole_of.share and not whole_of.groups:
        return _part_lacking(whole_of, question, catalog)
    for main in candidates(outline(question.main), catalog, limit=limit):
        field = _asked_about(main.form, question.main)
        whole: Candidate | None = main if field is not None else None
        lacking = _lacking(main, question, catalog)
        if lacking is not None:
            found.append(lacking)
            continue
        inners = [_inner(field, clause, catalog, run, strict) if field else None for clause in question.clauses]
        if len(inners) > 1 and any(one is not None and field and one.form.root == field.table for one in inners):
            # No row is two things at once; what has rows of both kinds is the column that is asked for.
            field = main.form.select[0] if len(main.form.select) == 1 and not main.form.measures else None
            field = field if field is not None and not field.column.unique else None
            inners = [_inner(field, clause, catalog, run, strict) if field else None for clause in question.clauses]
        for clause, inner in zip(question.clauses, inners, strict=True):
            if whole is None or inner is None or field is None:
                whole = None
                break
            form = replace(whole.form, members=(*whole.form.members, Member(field, inner.form, clause.negated)))
            whole = replace(
                whole,
                form=_listed_once(form, field),
                cost=max(whole.cost, main.cost + inner.cost + _NESTING_COST),
                assumptions=(*whole.assumptions, *inner.assumptions),
                evidence=(*whole.evidence, *inner.evidence),
            )
        if whole is not None:
            found.append(whole)
    return sorted(found, key=lambda one: one.cost)


def _part_lacking(out: Outline, question: Nested, catalog: Catalog) -> list[Candidate]:
    """The share of accounts without a manager."""
    found: list[Candidate] = []
    for main in candidates(replace(out, share="", left_over=[]), catalog):
        lacking = _lacking(main, question, catalog) or _unled(main, question, catalog)
        if lacking is not None and len(main.form.measures) == 1 and main.form.measures[0].adds_up:
            part = tuple(one for one in lacking.form.conditions if one not in main.form.conditions)
            form = replace(main.form, share="part", percent=out.share == "percent", part=part)
            found.append(replace(lacking, form=form))
    return found


def _unled(main: Candidate, question: Nested, catalog: Catalog) -> Candidate | None:
    """Without a manager: the column that would point at one holds nothing."""
    marks = [one for one in question.clauses[0].marks if one.kind not in ("prep", "light")]
    if len(question.clauses) != 1 or not question.clauses[0].negated or len(marks) != 1:
        return None
    named = {r.table.ref.key for r in marks[0].readings if r.column is None and r.metric is None and r.strength > 0.95}
    ways = [one for one in catalog.relations if one.child.key == main.form.root.ref.key and one.parent.key in named]
    if len(ways) != 1:
        return None
    empty = Condition(Field(main.form.root, main.form.root.column(ways[0].child_column)), "missing", ())
    return replace(main, form=replace(main.form, conditions=(*main.form.conditions, empty)))


def _lacking(main: Candidate, question: Nested, catalog: Catalog) -> Candidate | None:
    """Customers without an e-mail: a column of theirs that holds nothing."""
    if len(question.clauses) != 1 or not question.clauses[0].negated:
        return None
    marks = [one for one in question.clauses[0].marks if one.kind not in ("prep", "light")]
    marks = [one for one in question.clauses[0].marks if one.kind != "prep"] if len(marks) != 1 else marks
    if len(marks) != 1 or marks[0].kind not in ("mention", "dated", "verb", "light"):
        return None
    if marks[0].kind in ("verb", "light"):
        readings = _said_by(marks[0], Vocabulary.of(catalog))
    else:
        readings = sorted(marks[0].readings, key=lambda one: -one.strength)
    if any(one.column is None and one.strength >= readings[0].strength for one in readings):
        return None
    mine = [one for one in readings if one.table.ref == main.form.root.ref and one.column is not None]
    if not mine or mine[0].column is None or mine[0].strength < 0.8 or mine[0].column.unique:
        return None
    empty = Condition(Field(mine[0].table, mine[0].column), "missing", ())
    return replace(main, form=replace(main.form, conditions=(*main.form.conditions, empty)),
                   cost=main.cost + 1 - mine[0].strength)


def _said_by(mark: Mark, vocabulary: Vocabulary) -> list[Reading]:
    """The column that a verb speaks of: refunded, where there is a refund."""
    word = mark.text.lower()
    if not word.endswith("ed"):
        return []
    found = [one for stem in (word[:-2], word[:-1], word[:-3]) for one in vocabulary.look_up([stem])]
    return sorted((one for one in found if one.column is not None), key=lambda one: -one.strength)


def _listed_once(form: Form, field: Field) -> Form:
    """What stands for many rows is told once: the countries that have both."""
    plain = not field.column.unique and form.select == (field,) and not form.grouped
    return replace(form, distinct=True) if plain else form


def _asked_about(form: Form, marks: Sequence[Mark]) -> Field | None:
    """The key of the things the question is about; or the column itself where no table holds such things."""
    if form.measures and not form.select:
        table = form.measures[0].table
    elif form.select:
        table = form.select[0].table
        only = form.select[0].column
        spoken = any(r.column is None and r.table.ref == table.ref for m in marks for r in m.readings)
        if not spoken and not only.unique and only.name != table.label and form.select[0].grain is None:
            return Field(table, only)
    else:
        table = form.root
    name = table.key or table.label
    return Field(table, table.column(name)) if name is not None else None


def _inner(field: Field, clause: Clause, catalog: Catalog, run: Run, strict: bool) -> Candidate | None:
    """The best reading of the clause as a question about the same things."""
    own = field.column.name in (field.table.key, field.table.label)
    reading = Reading(field.table, None if own else field.column, 1.0, "")
    thing = Mark("mention", field.table.ref.name, readings=[reading])
    marks = [thing, Mark("where", "with"), *(_noun(mark, field, clause, catalog) for mark in clause.marks)]
    out = outline([mark for mark in marks if mark.kind not in ("show", "unknown", "unsupported")])
    if strict and out.left_over:
        return None
    for one in candidates(out, catalog, limit=4):
        try:
            settled = settle(one.form, one.guesses, run)
        except StatementError:
            continue  # a reading that the data's types forbid
        if len(settled.forms) != 1 or settled.open:
            continue
        form = settled.forms[0]
        restricted = form.conditions or form.either or form.periods or form.having or form.terms or form.spans
        if form.root.ref == field.table.ref and not (restricted or form.joins):
            continue  # nobody is not himself
        form = replace(form, select=(field,), measures=(), rows=False, distinct=False, order=(), limit=None)
        return replace(one, form=form, assumptions=(*settled.assumptions, *one.assumptions))
    return None


def _noun(mark: Mark, field: Field, clause: Clause, catalog: Catalog) -> Mark:
    """ "ordered" speaks of the rows of orders; "visit", where only a key is called so, of that key's table."""
    if mark.kind == "mention" and not has_table(mark) and not _restricts(clause.marks):
        own = [r for r in mark.readings if r.table.ref != field.table.ref and r.column and r.column.role == "key"]
        rows = {r.table.ref.key: Reading(r.table, None, 0.85 * r.strength, "as its rows") for r in own}
        return Mark("mention", mark.text, readings=list(rows.values())) if rows else mark
    if mark.kind == "dated":
        rows = {r.table.ref.key: Reading(r.table, None, 0.95, "as its rows") for r in mark.readings}
        rows.pop(field.table.ref.key, None)
        return Mark("mention", mark.text, readings=list(rows.values())) if rows else mark
    if mark.kind != "verb":
        return mark
    vocabulary = Vocabulary.of(catalog)
    named = vocabulary.look_up([*entity(field.table.ref.name), str(mark.value)])  # product sales
    tables = [replace(one, metric=None) for one in named if one.metric is not None]
    others = vocabulary.look_up([str(mark.value)])
    tables = tables or [replace(one, metric=None) for one in others if one.column is None]
    return Mark("mention", mark.text, readings=tables) if tables else mark


__all__ = ["Nested", "composed", "nested"]
