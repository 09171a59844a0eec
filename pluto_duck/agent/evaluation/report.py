"""What an evaluation leaves behind: its numbers as JSON, its predictions as JSONL, a page to read."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pluto_duck.agent.evaluation.numbers import Numbers, grouped, measured
from pluto_duck.agent.evaluation.running import Outcome

MAX_LISTED = 500
"""Wrong answers shown on the page; all are in the predictions."""


@dataclass(frozen=True)
class Report:
    file: str
    planner: str
    forced: bool
    question_field: str
    outcomes: Sequence[Outcome]
    notes: tuple[str, ...] = ()
    """What makes the numbers doubtful."""

    @property
    def overall(self) -> Numbers:
        return measured(self.outcomes)

    def as_json(self) -> dict[str, Any]:
        from pluto_duck import __version__

        return {
            "pluto_duck": __version__, "file": self.file, "planner": self.planner, "forced": self.forced,
            "question_field": self.question_field, "overall": self.overall, "groups": grouped(self.outcomes),
            "notes": list(self.notes),
        }

    def write_json(self, path: Path) -> None:
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")

    def write_predictions(self, path: Path) -> None:
        lines = [
            json.dumps({"id": one.turn.id, "sql": one.sql, "status": one.status, "confidence": one.confidence})
            for one in self.outcomes
        ]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def write_html(self, path: Path) -> None:
        path.write_text(_page(self), encoding="utf-8")


def shown(value: object, name: str = "") -> str:
    """A number as people read it: shares as percentages."""
    if value is None:
        return "-"
    if isinstance(value, float) and not name.startswith(("latency", "usd")):
        return f"{100 * value:.1f} %"
    return f"{value:,}" if isinstance(value, int) else str(value)


_COLUMNS = ("with_gold", "execution_accuracy", "coverage", "precision_answered", "confidently_wrong", "clarified",
            "declined", "latency_ms_p95")
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#1b1b1f}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child{text-align:left}pre{background:#f5f5f7;padding:.6em;overflow:auto;white-space:pre-wrap}
details{margin:.5em 0}summary{cursor:pointer}@media(prefers-color-scheme:dark){body{background:#17171a;color:#e6e6ea}
pre{background:#232328}td,th{border-color:#444}}"""


def _page(report: Report) -> str:
    title = f"Evaluation of {report.planner}{', forced' if report.forced else ''}: {report.file}"
    parts = [f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title><style>{_STYLE}</style>",
             f"<h1>{html.escape(title)}</h1>", "<table>"]
    parts += [f"<tr><td>{name.replace('_', ' ')}</td><td>{shown(value, name)}</td></tr>"
              for name, value in report.overall.items()]
    parts.append("</table>")
    for name, groups in grouped(report.outcomes).items():
        parts.append(f"<h2>By {name}</h2>" + _group_table(groups))
    wrong = [one for one in report.outcomes if one.status == "answered" and not one.correct]
    parts.append(_listing("Confidently wrong", wrong))
    missed = [one for one in report.outcomes if one.status != "answered" and not one.correct]
    parts.append(_listing("Not answered, or wrong with a caveat", missed))
    return "\n".join(parts)


def _group_table(groups: dict[str, Numbers]) -> str:
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in _COLUMNS)
    rows = "".join(
        f"<tr><td>{html.escape(label)}</td>"
        + "".join(f"<td>{shown(numbers[name], name)}</td>" for name in _COLUMNS) + "</tr>"
        for label, numbers in groups.items()
    )
    return f"<table><tr><th></th>{head}</tr>{rows}</table>"


def _listing(title: str, outcomes: Sequence[Outcome]) -> str:
    more = f", the first {MAX_LISTED}" if len(outcomes) > MAX_LISTED else ""
    return f"<h2>{title} ({len(outcomes)}{more})</h2>" + "".join(_detail(one) for one in outcomes[:MAX_LISTED])


def _detail(one: Outcome) -> str:
    gold = one.turn.golds[0] if one.turn.golds else f"expected: {one.turn.expected}"
    said = one.sql or one.text or one.error
    return (f"<details><summary>{html.escape(one.turn.question)} <small>({html.escape(one.turn.id)}, {one.status})"
            f"</small></summary><pre>{html.escape(said)}</pre><pre>{html.escape(gold)}</pre></details>")
