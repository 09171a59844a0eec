"""The questions of an evaluation, as they stand in a JSONL file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pluto_duck.errors import UnknownName, UsageError, nearest, unknown_name

Expected = Literal["declined", "clarify"]


@dataclass(frozen=True)
class Turn:
    """One question, and what is right for it: gold SQL, or not to answer."""

    id: str
    question: str
    golds: tuple[str, ...] = ()
    expected: Expected | None = None
    ordered: bool = False
    intent: str = ""
    hardness: str = ""


@dataclass(frozen=True)
class Case:
    """A question, or several that make a conversation."""

    turns: tuple[Turn, ...]
    db: str | None = None
    """A database `db/<name>.duckdb` beside the file; None: the current workspace."""


def read_cases(path: Path, *, question_field: str = "question") -> list[Case]:
    """In the order of the file. Lines without `question_field` are left out (a synonym form that some lack).

    Raises UsageError for a line that is no case, naming it, and UnknownName where no line has the field.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        there = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        raise unknown_name("file", str(path), nearest(path.name, there)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read as UTF-8 text: {error}.") from error
    cases: list[Case] = []
    fields: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        record = _record(path, number, line)
        fields |= record.keys()
        turns = tuple(_turns(record, question_field, f"{path.name}:{number}"))
        if turns:
            cases.append(Case(turns, record.get("db")))
    if not cases:
        raise _nothing(path, question_field, fields)
    return cases


def _nothing(path: Path, question_field: str, fields: set[str]) -> UnknownName | UsageError:
    if fields:
        return unknown_name("field", question_field, nearest(question_field, fields))
    return UsageError(f"{path} holds no question.", hint="One JSON object a line: id, question, gold_sql.")


def _record(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise UsageError(f"Line {number} of {path} is not JSON: {error}.") from error
    if not isinstance(record, dict):
        raise UsageError(f"Line {number} of {path} is not a JSON object.")
    return record


def _turns(record: dict[str, Any], question_field: str, where: str) -> Iterator[Turn]:
    name = str(record.get("id", where))
    if isinstance(record.get(question_field), str):
        yield _turn(record, record[question_field], name, where)
    for number, one in enumerate(record.get("turns") or (), 1):
        text = one.get(question_field, one.get("question")) if isinstance(one, dict) else None
        if not isinstance(text, str):
            raise UsageError(f"Turn {number} of {where} has no question.")
        inherited = {key: value for key, value in record.items() if key in ("intent", "hardness")}
        yield _turn(inherited | one, text, str(one.get("id", f"{name}/{number}")), where)


def _turn(record: dict[str, Any], question: str, name: str, where: str) -> Turn:
    golds = record.get("gold")
    if golds is None:
        alternatives = record.get("alt_gold") or []
        golds = [record.get("gold_sql"), *([alternatives] if isinstance(alternatives, str) else alternatives)]
    golds = tuple(one for one in ([golds] if isinstance(golds, str) else golds) if one)
    expected = record.get("expected")
    if expected not in (None, "declined", "clarify") or bool(golds) == (expected is not None):
        raise UsageError(
            f"{where}: a question needs gold SQL, or expected = declined or clarify.",
            hint="gold_sql with an optional alt_gold, or a list gold.",
        )
    texts = {key: str(record.get(key) or "") for key in ("intent", "hardness")}
    return Turn(name, question, golds, expected, bool(record.get("ordered", False)), **texts)
