"""The numbers of an evaluation: over everything, and by intent, hardness and database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pluto_duck.agent.evaluation.running import Outcome

Numbers = dict[str, Any]


def measured(outcomes: Sequence[Outcome]) -> Numbers:
    """Shares are of 1; None where there is nothing to take a share of."""
    asked = [one for one in outcomes if one.answerable]
    idle = [one for one in outcomes if not one.answerable]
    answered = [one for one in asked if one.status == "answered"]
    assumed = [one for one in asked if one.status == "assumed"]
    times = sorted(one.latency_s for one in outcomes)
    return {
        "questions": len(outcomes),
        "with_gold": len(asked),
        "execution_accuracy": _share(asked, lambda one: one.correct),
        "coverage": _share(asked, lambda one: one.status == "answered"),
        "precision_answered": _share(answered, lambda one: one.correct),
        "coverage_with_caveats": _share(asked, lambda one: one.given),
        "precision_assumed": _share(assumed, lambda one: one.correct),
        "confidently_wrong": _share(outcomes, lambda one: one.status == "answered" and not one.correct),
        "clarified": _share(asked, lambda one: one.status == "clarify"),
        "declined": _share(asked, lambda one: one.status == "declined"),
        "unanswerable": len(idle),
        "unanswerable_declined_or_clarified": _share(idle, lambda one: not one.given),
        "unanswerable_as_expected": _share(idle, lambda one: one.status == one.turn.expected),
        "unanswerable_answered": _share(idle, lambda one: one.status == "answered"),
        "latency_ms_p50": _percentile(times, 0.50),
        "latency_ms_p95": _percentile(times, 0.95),
        "input_tokens": sum(one.cost.input_tokens for one in outcomes),
        "output_tokens": sum(one.cost.output_tokens for one in outcomes),
        "usd": round(sum(one.cost.usd for one in outcomes), 6),
        "planner_errors": sum(bool(one.error) and not one.gold_failed for one in outcomes),
        "gold_errors": sum(one.gold_failed for one in outcomes),
    }


GROUPS: dict[str, Callable[[Outcome], str]] = {
    "intent": lambda one: one.turn.intent,
    "hardness": lambda one: one.turn.hardness,
    "db": lambda one: one.db,
}


def grouped(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Numbers]]:
    """Only the groupings that the file tells of."""
    found: dict[str, dict[str, Numbers]] = {}
    for name, key in GROUPS.items():
        labels = sorted({key(one) for one in outcomes} - {""})
        if labels:
            found[name] = {label: measured([one for one in outcomes if key(one) == label]) for label in labels}
    return found


def _share(outcomes: Iterable[Outcome], holds: Callable[[Outcome], bool]) -> float | None:
    found = [holds(one) for one in outcomes]
    return round(sum(found) / len(found), 4) if found else None


def _percentile(times: Sequence[float], part: float) -> float | None:
    if not times:
        return None
    return round(1000 * times[min(len(times) - 1, round(part * (len(times) - 1)))], 1)
