"""What is kept of an answer, and how it is written down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from pluto_duck.agent.answer import Answer, Choice, Cost, Otherwise
from pluto_duck.workspace import Result
from pluto_duck.workspace.blot import blotted

Door = Literal["notebook", "shell", "rest", "python", "panel"]
Rating = Literal["up", "down", ""]

MAX_ROWS = 100
"""Rows that are kept, where the setting agent.keep allows any."""
_OWN = ("id", "conversation", "question", "planner", "status", "text", "sql", "result")
"""Fields of an Answer that have a column of their own, or none."""


@dataclass(frozen=True)
class Kept:
    answer: Answer
    """Without its rows."""
    turn: int
    """1, 2, ... within its conversation."""
    asked_at: float
    """Seconds since 1970."""
    columns: tuple[str, ...] = ()
    row_count: int | None = None
    """None: the answer had no rows to show."""
    mark: str = ""
    """The fingerprint of its rows."""
    rows: tuple[tuple[Any, ...], ...] | None = None
    """The first of them as JSON values; None: they were not kept."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """Of the tables that the SQL read, by their keys."""
    rating: Rating = ""
    note: str = ""


@dataclass(frozen=True)
class Conversation:
    id: str
    title: str
    """The first question."""
    door: str
    created_at: float
    changed_at: float
    turns: int
    who: str = ""
    """The key or token that asked, for the owner to read; "" for the owner's own."""


def body(answer: Answer) -> str:
    """Everything of an answer that is neither rows nor a column."""
    found = {one.name: getattr(answer, one.name) for one in fields(answer) if one.name not in _OWN}
    found["choices"] = [asdict(one) for one in answer.choices]
    found["otherwise"] = [asdict(one) for one in answer.otherwise]
    found["cost"] = asdict(answer.cost)
    return json.dumps(_blotted(found), ensure_ascii=False, default=str)


def _blotted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _blotted(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_blotted(one) for one in value]
    return blotted(value) if isinstance(value, str) else value


def answer_of(row: Mapping[str, Any]) -> Answer:
    """An answer from its line in the store; what an older or newer version wrote beside it is left out."""
    known = {one.name: one for one in fields(Answer)}
    found = {name: value for name, value in json.loads(row["body"]).items() if name in known}
    found = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    found["choices"] = tuple(Choice(one["text"], one["sql"]) for one in found.get("choices", ()))
    found["otherwise"] = tuple(Otherwise(one["assumption"], one["text"], one["sql"], tuple(one["assumptions"]))
                               for one in found.get("otherwise", ()))
    found["cost"] = replace(Cost(), **{name: value for name, value in found.get("cost", {}).items()
                                       if name in {one.name for one in fields(Cost)}})
    return Answer(row["status"], row["question"], row["planner"], row["text"], row["sql"],
                  id=row["id"], conversation=row["conversation"], **found)


def cells(result: Result) -> str:
    """The first rows as JSON; what is no plain value becomes text."""
    return json.dumps([[one if one is None or isinstance(one, bool | int | float | str) else str(one)
                        for one in row] for row in result.rows(MAX_ROWS)], ensure_ascii=False)
