"""A value that was only guessed, from a part or a misspelling of it, has to be borne out by the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pluto_duck.agent.planners.builtin.form import Condition, Field, Form, Measure, Order
from pluto_duck.agent.planners.builtin.wording import full_name
from pluto_duck.workspace import Result

Likeness = Literal["part", "alike", "code", "role"]


@dataclass(frozen=True)
class Guess:
    """What was said, and the values of a column that it may stand for. Its Form has a condition on all of them."""

    said: str
    field: Field
    values: tuple[str, ...]
    likeness: Likeness
    whole: tuple[str, ...] = ()
    """Those of the values that are what was said, and no more: they come first, if rows have them."""


@dataclass(frozen=True)
class Settled:
    """What the data made of the guesses of one form."""

    forms: tuple[Form, ...]
    """One where all is clear; the best choices where it is not; none where no row belongs to a guess."""
    assumptions: tuple[str, ...] = ()
    open: tuple[Guess, ...] = ()
    """Guesses that still have several values with rows."""
    wider: tuple[tuple[str, Form], ...] = ()
    """For an assumption that took some of the values away, the form with them."""
    lost: Guess | None = None
    """A guess none of whose values has a row."""


def settle(form: Form, guesses: Sequence[Guess], run: Callable[[Form], Result]) -> Settled:
    """Keeps the values to which rows of the form's root belong. `run` runs a form read-only."""
    assumptions: list[str] = []
    wider: list[tuple[str, Form]] = []
    several: list[Guess] = []
    for guess in guesses:
        alive = _alive(form, guess, run)
        if guess.whole and (not alive or set(guess.whole) & set(alive)):
            assumptions.append(_alone(form, guess))
            if set(alive) - set(guess.whole):
                wider.append((assumptions[-1], _kept(form, guess, (*guess.whole, *alive))))
            form = _kept(form, guess, guess.whole)
            continue
        if not alive:
            return Settled((), lost=guess)
        form = _kept(form, guess, alive)
        if len(alive) == 1:
            assumptions.append(_taken(form, guess, alive[0]))
        else:
            several.append(replace(guess, values=alive))
    return Settled(_choices(form, several), tuple(assumptions), tuple(several), tuple(wider))


def _alive(form: Form, guess: Guess, run: Callable[[Form], Result]) -> tuple[str, ...]:
    """The values that rows of the root have, the most frequent first; the other conditions don't count here."""
    if len(guess.values) == 1 and not form.joins:
        return guess.values  # its own table holds it: that is where it was found
    count = Measure("count", form.root)
    among = Condition(guess.field, "in", guess.values)
    rows = run(Form(form.root, form.joins, (guess.field,), (count,), (among,), order=(Order(count, True),))).rows()
    # Equal counts would come in any order, and the same question should always get the same choices.
    return tuple(value for value, _count in sorted(rows, key=lambda row: (-row[1], row[0])))


def _kept(form: Form, guess: Guess, keep: Sequence[str]) -> Form:
    """The form with fewer values for a guess; what else the same condition asks for stays."""
    gone = set(guess.values) - set(keep)
    return replace(
        form,
        conditions=tuple(
            one.among(tuple(v for v in one.values if v not in gone)) if one.field == guess.field else one
            for one in form.conditions
        ),
        beside=tuple(_kept(one, guess, keep) for one in form.beside),
    )


def _choices(form: Form, several: Sequence[Guess]) -> tuple[Form, ...]:
    """The two most frequent values, and all together. Two open guesses would make too many choices to read."""
    if len(several) != 1:
        return (form,)
    guess = several[0]
    return (*(_kept(form, guess, (value,)) for value in guess.values[:2]), form)


def _alone(form: Form, guess: Guess) -> str:
    """AIRBUS was said, and there is AIRBUS INDUSTRIE too: it may have been meant as well."""
    others = [one for one in guess.values if one not in guess.whole]
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return f"'{guess.said}' means that {_place(form, guess)} alone, not '{others[0]}'{more}"


def _taken(form: Form, guess: Guess, value: str) -> str:
    if guess.likeness == "role":
        return f"'{guess.said}' was taken for {_place(form, guess)}"
    if guess.likeness == "alike" and len(guess.values) == 1:
        return f"'{guess.said}' was read as '{value}'"
    why = ""
    if len(guess.values) > 1:
        kind = "look like it" if guess.likeness == "alike" else "contain it"
        why = f", the only one of {len(guess.values)} that {kind} with rows in {form.root.ref}"
    return f"'{guess.said}' was taken for {_place(form, guess)} '{value}'{why}"


def _place(form: Form, guess: Guess) -> str:
    return full_name(guess.field.table, guess.field.column, form)


def doubt(guesses: Iterable[Guess]) -> str:
    """Why a choice is offered."""
    return " ".join(f"{_SEVERAL[one.likeness]} '{one.said}'." for one in {g.said: g for g in guesses}.values())


def loss(form: Form, guess: Guess) -> str:
    """Why there is no answer."""
    place, rows = _place(form, guess), f"no row of {form.root.ref}"
    if len(guess.values) == 1:
        kind = "only looks like" if guess.likeness == "alike" else "is only a part of"
        return f"'{guess.said}' {kind} {place} '{guess.values[0]}', and {rows} has that."
    kind = "looks like" if guess.likeness == "alike" else "is a part of"
    return f"'{guess.said}' {kind} {len(guess.values)} values of {place}, and {rows} has any of them."


_SEVERAL = {"part": "Several values contain", "alike": "Several values look like", "code": "Several values match",
            "role": "Several values match"}
