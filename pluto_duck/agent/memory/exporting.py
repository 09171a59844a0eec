"""A conversation as Markdown, for a page or a mail: questions, how they were understood, their SQL; no rows."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence

from pluto_duck.agent.memory.kept import Conversation, Kept


def markdown(conversation: Conversation, turns: Sequence[Kept]) -> str:
    """Of the turns in their order. What people and models wrote stands there as text, never as markup."""
    lines = [f"# {_text(conversation.title)}", "",
             f"{_when(conversation.created_at)}, {len(turns)} question{'s' if len(turns) != 1 else ''}", ""]
    for one in turns:
        lines += _turn(one)
    return "\n".join(lines)


def _turn(kept: Kept) -> Iterator[str]:
    answer = kept.answer
    yield from (f"## {kept.turn}. {_text(answer.question)}", "", _text(answer.text), "")
    yield from (f"{number}. {_text(one.text)}" for number, one in enumerate(answer.choices, 1))
    yield from ("",) if answer.choices else ()
    if answer.assumptions:
        yield from ("Assumed:", "", *(f"- {_text(one)}" for one in answer.assumptions), "")
    if answer.sql:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", answer.sql)), default=0))
        yield from (f"{fence}sql", answer.sql.strip(), fence, "")
    facts = [_when(kept.asked_at), f"planner {_text(answer.planner)}"]
    if kept.row_count is not None:
        facts.append(f"{kept.row_count:,} row{'s' if kept.row_count != 1 else ''}")
    cost = answer.cost
    if cost.input_tokens or cost.output_tokens:
        facts.append(f"{cost.input_tokens + cost.output_tokens:,} tokens"
                     + (f", {cost.usd:.4f} USD" if cost.usd_known else ""))
    facts.append(f"a model saw: {answer.share}" if answer.share else "nothing left the machine")
    yield from (f"*{', '.join(facts)}*", "")


def _text(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", " ".join(text.split()))


def _when(at: float) -> str:
    return dt.datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")
