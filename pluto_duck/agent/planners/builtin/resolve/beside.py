"""Figures of several tables by the same fields: each is read as a question of its own, and they must agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pluto_duck.agent.planners.builtin.form import Field, Form, Order
from pluto_duck.agent.planners.builtin.outline import Outline
from pluto_duck.agent.planners.builtin.resolve.attempt import Candidate

Read = Callable[[Outline], list[Candidate]]
COST = 0.05
MAX_FIGURES = 12
"""More than anybody asks for at once, and fewer than the Gate lets parts of a statement pass."""


def beside(out: Outline, read: Read) -> list[Candidate]:
    """Empty where the figures can't be told by the same groups, or under the same conditions."""
    if len(out.measures) > MAX_FIGURES:
        return []
    first, *others = (read(_alone(out, number)) for number in range(len(out.measures)))
    for one in first:
        partners = [next((other for other in each if _agree(one.form, other.form)), None) for each in others]
        found = [other for other in partners if other is not None]
        if len(found) == len(others):
            return [_together(out, one, found)]
    return []


def _alone(out: Outline, number: int) -> Outline:
    return replace(out, measures=[out.measures[number]], orders=[], limit=None, ranked=False, quotient=False, share="",
                   left_over=[], notes=list(out.notes))


def _agree(one: Form, other: Form) -> bool:
    fields = len(one.select) == len(other.select) and all(map(_alike, one.select, other.select))
    conditions = {(c.field, c.operator, c.values) for c in one.conditions}
    same = conditions == {(c.field, c.operator, c.values) for c in other.conditions}
    return fields and same and one.either == other.either and len(one.measures) == len(other.measures) == 1


def _alike(one: Field, other: Field) -> bool:
    """The same field; months may be those of each table's own date."""
    return one == other or (one.grain is not None and one.grain == other.grain)


def _together(out: Outline, one: Candidate, others: list[Candidate]) -> Candidate:
    forms = tuple(other.form for other in others)
    down = not out.orders or out.orders[0].direction not in ("asc", "worst")
    order = (Order(one.form.measures[0], down),) if out.orders else ()
    alike = all(_same_rows(one.form, form) for form in forms)
    whole = replace(one.form, order=order, limit=out.limit, quotient=out.quotient, percent=out.share == "percent")
    if alike:
        whole = replace(whole, measures=(*whole.measures, *(form.measures[0] for form in forms)))
    else:
        whole = replace(whole, beside=forms)
    cost = max(each.cost for each in (one, *others)) + COST
    said = tuple(dict.fromkeys(note for each in (one, *others) for note in each.assumptions))
    shown = tuple(dict.fromkeys(note for each in (one, *others) for note in each.evidence))
    return replace(one, form=whole, cost=cost, assumptions=said, evidence=shown)


def _same_rows(one: Form, other: Form) -> bool:
    return replace(one, measures=()) == replace(other, measures=())
