"""What the numbers of a scan say of a check."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from pluto_duck.errors import PlutoError
from pluto_duck.governance.checks.compiling import Compiled
from pluto_duck.governance.checks.model import Check, Outcome


def judged(compiled: Compiled, numbers: Sequence[Any], *, loaded_at: dt.datetime | None, now: dt.datetime) -> Outcome:
    """`numbers`: of its aggregates or its statement. `loaded_at`: of the last load that arrived; None: of none."""
    check, first, rows = compiled.check, numbers[0], int(numbers[1])
    if check.kind == "row_count":
        held = (not check.least or rows >= int(check.least)) and (not check.most or rows <= int(check.most))
        return _outcome(check, held, None, "" if held else f"{rows:,} rows; {_between(check)}.")
    if check.kind == "aggregate":
        return _outcome(check, first is not False, None, "" if first is not False else "It does not hold.")
    if check.kind == "freshness":
        newest = first if check.columns else None if loaded_at is None else loaded_at.timestamp()
        return _fresh(check, newest, now)
    failing = int(first)
    allowed = check.at_most / 100 * rows if check.percent else check.at_most
    says = f"{failing:,} of {rows:,} rows" + (f", {allowed:,.0f} may" if allowed else "") if failing else ""
    return _outcome(check, failing <= allowed, failing, says, compiled.sample if failing else "")


def broken(check: Check, error: PlutoError) -> Outcome:
    """It could not be run."""
    says = f"line {check.line}: {' '.join(error.message.split())} {error.hint}".strip()
    return Outcome(check, "broken", says=says[:500])


def _outcome(check: Check, held: bool, failing: int | None, says: str, sample: str = "") -> Outcome:
    status = "passed" if held else "warned" if check.severity == "warn" else "failed"
    return Outcome(check, status, failing, says, sample)  # type: ignore[arg-type]


def _between(check: Check) -> str:
    ends = [f"{word} {int(end):,}" for word, end in (("at least", check.least), ("at most", check.most)) if end]
    return f"expected {' and '.join(ends)}"


def _fresh(check: Check, newest: float | None, now: dt.datetime) -> Outcome:
    if newest is None:
        return _outcome(check, False, None, "There is no time to go by." if check.columns else
                        "No load of it is known.")
    age_s = now.timestamp() - newest
    return _outcome(check, age_s <= check.within_s, None,
                    f"{'newest' if check.columns else 'loaded'} {spell(age_s)} ago; may be {spell(check.within_s)}."
                    if age_s > check.within_s else "")


def spell(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.3g} {unit}"
    return f"{seconds:,.0f} s"
