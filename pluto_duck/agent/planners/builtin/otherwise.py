"""For each assumption of an answer the reading without it: what a person gets who takes the assumption away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pluto_duck.agent.answer import Otherwise
from pluto_duck.agent.planners import Context
from pluto_duck.agent.planners.builtin.emit import sql
from pluto_duck.agent.planners.builtin.form import Form
from pluto_duck.agent.planners.builtin.guesses import settle
from pluto_duck.agent.planners.builtin.resolve import Candidate
from pluto_duck.agent.planners.builtin.restate import restate
from pluto_duck.agent.planners.builtin.semijoins import once_each
from pluto_duck.errors import PlutoError
from pluto_duck.session import Session

REACH = 0.3
"""How much worse a reading may be than the one that was answered."""
MOST = 4
"""Readings that are looked at for one answer: each may ask the data about a value."""


def otherwise(best: Candidate, notes: Sequence[str], found: Sequence[Candidate], known: Mapping[str, Form],
              session: Session, distinct: bool) -> tuple[Otherwise, ...]:
    """In the order of the notes; nothing for those that have no other reading. `known`: forms that are known to be
    the other reading of a note; else it is the nearest candidate that does not assume it."""
    quiet = Context(session)
    readings = [(best.assumptions, best.form), *_readings(best, found, quiet, distinct)]
    made = []
    for note in notes:
        rest = tuple(one for one in notes if one != note)
        other = (rest, known[note]) if note in known else _without(note, readings)
        if other is not None and _runs(sql(other[1]), quiet) and sql(other[1]) != sql(best.form):
            made.append(Otherwise(note, restate(other[1]), sql(other[1]), other[0]))
    return tuple(made)


def _readings(best: Candidate, found: Sequence[Candidate], quiet: Context, distinct: bool
              ) -> list[tuple[tuple[str, ...], Form]]:
    near = [one for one in found if one.form not in (best.form, best.plain) and one.cost <= best.cost + REACH]
    told = []
    for one in near[:MOST]:
        try:
            settled = settle(one.form, one.guesses, lambda form: quiet.run(sql(form)))
        except PlutoError:
            continue
        if len(settled.forms) == 1 and not settled.open:
            form = once_each(settled.forms[0], distinct=distinct)
            told.append((tuple(dict.fromkeys((*settled.assumptions, *one.assumptions))), form))
    return told


def _without(note: str, readings: Sequence[tuple[tuple[str, ...], Form]]) -> tuple[tuple[str, ...], Form] | None:
    """The one that differs least in what else it assumes; the cheaper one where two differ alike."""
    (own, _form), *others = readings
    kept = set(own) - {note}
    there = [one for one in others if note not in one[0]]
    return min(there, key=lambda one: len(kept - set(one[0])), default=None)


def _runs(text: str, quiet: Context) -> bool:
    """Its names and types fit; no row is read."""
    try:
        quiet.run(f"SELECT * FROM ({text}\n) AS tried LIMIT 0")
    except PlutoError:
        return False
    return True
