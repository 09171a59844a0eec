"""Questions that edit the one before: only France, by month, top 5, and in 2023?, as a share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pluto_duck.agent.planners.builtin.dates import Day
from pluto_duck.agent.planners.builtin.marks import Mark, columns, has_figure, names_table
from pluto_duck.agent.planners.builtin.relative import Relative

MAX_MARKS = 8
_OPENINGS = {"by", "group", "top", "value", "prep", "day", "relative", "side", "share", "where", "not", "order", "dir",
             "and", "versus", "running", "partof", "same", "yearago", "days", "cmpavg", "within", "change", "trend",
             "text", "between", "without", "super"}
_WHOLE = {"count", "agg", "sum", "event", "unknown"}
"""What a question of its own has, and an edit hasn't."""
_ABOUT = {"what about", "how about", "and", "and the"}
_SMALL = {"show", "where", "prep", "comma", "and", "or"}
_NOISE = ("unsupported", "unknown", "light")
_WHEN = {"day", "relative", "side"}
_RANK = {"top", "super", "order", "dir"}


def joined(questions: Sequence[Sequence[Mark]]) -> list[Mark]:
    """The marks of the last question; of an edit, those of the question it edits, edited."""
    whole: list[Mark] = []
    for marks in questions:
        told = _stripped(marks)
        anew = next((one for edit in _ANEW if (one := edit(whole, told)) is not None), None) if whole and told else None
        if anew is not None:
            whole = anew
            continue
        if whole and any(mark.kind == "too" for mark in marks) and told and told[0].kind in ("by", "group"):
            whole = [*_tidy(whole), Mark("where", "with"), *told]  # by plan as well
            continue
        other = _other_figure(whole, marks, told) if whole else None
        if other is not None:
            whole = other
            continue
        whole = _edited(whole, told) if whole and _edits(told) else list(marks)
    return whole


def _other_figure(whole: Sequence[Mark], marks: Sequence[Mark], told: Sequence[Mark]) -> list[Mark] | None:
    """What about orders? The question before, of something else; None: that is not what was said."""
    if len(told) != 1 or told[0].kind != "mention" or marks[0].text.lower() not in _ABOUT:
        return None
    new = [told[0]] if has_figure(told[0]) else [Mark("count", "number of"), told[0]]
    if not has_figure(told[0]) and not names_table(told[0]):
        return None
    for at, mark in enumerate(whole):
        if has_figure(mark):
            return [*whole[:at], *new, *whole[at + 1 :]]
        if mark.kind == "count" and at + 1 < len(whole) and whole[at + 1].kind == "mention":
            return [*whole[:at], *new, *whole[at + 2 :]]
    return None


def _those(whole: Sequence[Mark], told: Sequence[Mark]) -> list[Mark] | None:
    """Which of them are late, how many of those: the rows of the question before, listed or counted."""
    alone = len(told) == 1 and told[0].kind == "count"
    if told[0].kind != "those" and not alone:
        return None
    at = next((i for i, mark in enumerate(whole) if mark.kind == "mention" and names_table(mark)), None)
    if at is None or any(mark.kind in ("by", "group", "agg", "sum", "super", "top") for mark in whole):
        return None
    head = Mark("show", "which") if told[0].kind == "those" and told[0].value == "which" else Mark("count", "how many")
    rest = list(told[1:]) if not alone else []
    lead = [mark for mark in whole[:at] if mark.kind not in ("show", "count", "where", "prep")]
    return _tidy([*lead, head, *_tidy(list(whole[at:])), Mark("where", "with"), *rest])


def _shifted(whole: Sequence[Mark], told: Sequence[Mark]) -> list[Mark] | None:
    """The month before: the one that was asked for, one earlier."""
    at = next((i for i, mark in enumerate(whole) if mark.kind in ("day", "relative")), None)
    if at is None or len(told) != 1 or told[0].kind != "shifted":
        return None
    when, unit = whole[at].value, told[0].value
    if isinstance(when, Relative):
        plain = when.unit == unit and not (when.rolling or when.to_date or when.part or when.months)
        earlier: Day | Relative | None = replace(when, back=when.back + 1) if plain else None
    else:
        earlier = _before(when, unit)
    if earlier is None:
        return None
    return [*whole[:at], replace(whole[at], text=told[0].text, value=earlier), *whole[at + 1 :]]


def _first_of(whole: Sequence[Mark], told: Sequence[Mark]) -> list[Mark] | None:
    """Which channel had the most, which one is the lowest: the first by the figure that was told."""
    said = [mark for mark in told if mark.kind not in _SMALL]
    kinds = [mark.kind for mark in said]
    if kinds not in (["super"], ["mention", "super"]) or str(said[-1].value) not in _ENDS or len(told) > MAX_MARKS:
        return None
    groups = [whole[at + 1] for at, mark in enumerate(whole[:-1]) if mark.kind in ("by", "group")]
    groups = [one for one in groups if one.kind == "mention" and not has_figure(one)]
    about = said[0] if len(said) == 2 else groups[0] if len(groups) == 1 else None
    if about is None or not any(mark.kind == "count" or has_figure(mark) for mark in whole):
        return None
    plain = [mark for mark in whole if mark.kind not in ("share", "within", "running")]
    rest = _headless(_without_groups(_without_ranking(plain)))
    return [Mark("show", "which"), replace(about, plural=False), Mark("where", "has"), said[-1], *rest]


def _whose(whole: Sequence[Mark], told: Sequence[Mark]) -> list[Mark] | None:
    """Who are the customers: of the rows that were listed."""
    measured = ("agg", "sum", "by", "group", "super", "top", "share")
    listed = not any(mark.kind in measured or has_figure(mark) for mark in whole)
    rows = [mark for mark in whole if mark.kind != "count"]
    said = [mark for mark in told if mark.kind not in _SMALL]
    if told[0].text.lower() != "who" or len(said) != 1 or said[0].kind != "mention" or not names_table(said[0]):
        return None
    return [Mark("show", "which"), said[0], Mark("where", "with"), *_headless(rows)] if listed else None


def _other_number(whole: Sequence[Mark], told: Sequence[Mark]) -> list[Mark] | None:
    """And over 20000: in place of the number that was there."""
    if [mark.kind for mark in told] != ["cmp", "number"]:
        return None
    pairs = [at for at in range(len(whole) - 1) if [one.kind for one in whole[at : at + 2]] == ["cmp", "number"]]
    if len(pairs) != 1:
        return None
    at = pairs[0]
    unit = whole[at + 1].text.split()[1:] if len(told[1].text.split()) == 1 else []
    number = replace(told[1], text=" ".join([told[1].text, *unit]))
    return [*whole[:at], told[0], number, *whole[at + 2 :]]


def _added(whole: Sequence[Mark], told: Sequence[Mark]) -> list[Mark] | None:
    """Add the lead source: another group."""
    column = len(told) == 2 and told[1].kind == "mention" and not has_figure(told[1])
    if told[0].text.lower() != "add" or not column or not any(mark.kind in ("by", "group") for mark in whole):
        return None
    return [*_tidy(list(whole)), Mark("where", "with"), Mark("by", "by"), told[1]]


_ENDS = {"most", "highest", "largest", "biggest", "lowest", "least", "smallest", "fewest"}
_ANEW = (_those, _shifted, _first_of, _whose, _other_number, _added)


def _before(day: Day, unit: str) -> Day | None:
    size, number = (12, day.month) if unit == "month" else (4, day.quarter)
    if number is None or day.day is not None or (number == 1 and day.year is None):
        return None
    year = day.year - 1 if number == 1 and day.year is not None else day.year
    number = (number - 2) % size + 1
    return Day(year, None, number) if unit == "month" else Day(year, number)


def _stripped(marks: Sequence[Mark]) -> list[Mark]:
    """Without `what about`, `only`, `and now`."""
    start = 0
    while start < len(marks) and (
        marks[start].kind in ("show", "comma", "and") or (marks[start].kind in _NOISE and _only(marks[start]))
    ):
        start += 1
    return [mark for mark in marks[start:] if not (mark.kind == "too" or (mark.kind in _NOISE and _only(mark)))]


def _only(mark: Mark) -> bool:
    return mark.text.lower() in ("only", "now", "instead", "ones", "just", "please", "too")


def _edits(marks: Sequence[Mark]) -> bool:
    kinds = {mark.kind for mark in marks}
    if [mark.kind for mark in marks] == ["mention", "value"] and columns(marks[0]) & columns(marks[1]):
        return True  # only carrier AA
    return bool(marks) and marks[0].kind in _OPENINGS and not kinds & _WHOLE and len(marks) <= MAX_MARKS


def _edited(whole: list[Mark], edit: list[Mark]) -> list[Mark]:
    kinds = {mark.kind for mark in edit}
    if kinds & {"by", "group"}:
        whole = _without_groups(whole)
    if kinds & _WHEN and edit[0].kind != "versus":
        whole = _without(whole, _WHEN)
    if kinds & _RANK:
        whole = _without_ranking(whole)
    told = {column for mark in edit if mark.kind == "value" for column in columns(mark)}
    if told:
        whole = [mark for mark in whole if not (mark.kind == "value" and columns(mark) & told)]
    if kinds & {"top", "super"}:
        at = next((i for i, mark in enumerate(edit) if mark.kind in ("top", "super")), 0)
        return [*edit[:at], *edit[at:], *_headless(whole)] if edit[-1].kind != "number" else _topped(whole, edit)
    whole = _tidy(whole)
    rank = next((i for i, mark in enumerate(whole) if mark.kind in _RANK), None)
    if kinds & {"by", "group"} and rank:
        return [*_tidy(whole[:rank]), Mark("where", "with"), *edit, Mark("where", "with"), *whole[rank:]]
    return [*whole, Mark("where", "with"), *edit]


def _topped(whole: list[Mark], edit: list[Mark]) -> list[Mark]:
    """top 5, and no word of what: the groups that were there, by the figure that was there."""
    return [*_tidy(whole), *edit]


def _headless(whole: list[Mark]) -> list[Mark]:
    start = 0
    while start < len(whole) and whole[start].kind == "show":
        start += 1
    return _tidy(whole[start:])


def _without_groups(marks: list[Mark]) -> list[Mark]:
    kept: list[Mark] = []
    at = 0
    while at < len(marks):
        if marks[at].kind in ("by", "group") and at + 1 < len(marks) and marks[at + 1].kind in ("mention", "grain"):
            at += 2
            continue
        kept.append(marks[at])
        at += 1
    return kept


def _without(marks: list[Mark], kinds: set[str]) -> list[Mark]:
    kept: list[Mark] = []
    for mark in marks:
        if mark.kind in kinds:
            while kept and kept[-1].kind in ("prep", "between", "and"):
                kept.pop()
        else:
            kept.append(mark)
    return kept


def _without_ranking(marks: list[Mark]) -> list[Mark]:
    kept: list[Mark] = []
    for at, mark in enumerate(marks):
        after = at and mark.kind == "number" and marks[at - 1].kind in ("top", "super")
        if mark.kind not in ("top", "dir") and not after:
            kept.append(mark)
    return kept


def _tidy(marks: list[Mark]) -> list[Mark]:
    kept = list(marks)
    while kept and kept[-1].kind in _SMALL:
        kept.pop()
    return kept
