"""`conversations list|show|rate|replay|rename|export|delete`: what was asked and answered, whether it holds."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door, Facts, Rows
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.group import SECTIONS, Whole, family

if TYPE_CHECKING:
    from pluto_duck.agent.memory import Kept, Memory


def _memory(door: Door) -> Memory:
    from pluto_duck.agent.memory import Memory

    return Memory(door.open_session())


def last_answer(door: Door) -> str:
    """The id of the answer that this door gave last. Raises UnknownName."""
    memory = _memory(door)
    return memory.turns(memory.last(door.kind))[-1].answer.id


@family(SECTIONS[2], "conversations", "conversations show 1f0c", "conversations replay 1f0c")
def conversations(context: click.Context) -> object:
    """What was asked in this workspace, from any door. The setting agent.keep says what is kept.

    Without a verb: the list. An id may be shortened; `ask --conversation ID` goes on with one.
    """
    return context.invoke(list_, limit=20, search="", format_="table") if context.invoked_subcommand is None else None


@conversations.verb("conversations list", "conversations list --limit 100 --format json", name="list")
@click.option("--limit", type=Whole(1), default=20, show_default=True, help="How many.")
@click.option("--search", metavar="WORDS", default="", help="Only those in whose questions, answers or SQL they stand.")
@_format
def list_(door: Door, limit: int, search: str, format_: Format) -> object:
    """The conversations, those last used first."""
    rows = tuple((one.id, _when(one.changed_at), one.turns, f"{one.door} ({one.who})" if one.who else one.door,
                  one.title)
                 for one in _memory(door).conversations(limit, search=search, everyone=True))
    return formatted(Rows(("id", "last used", "questions", "door", "began with"), rows, "Nothing was asked yet."),
                     format_)


@conversations.verb("conversations show", "conversations show 1f0c", "conversations show 1f0c --sent", name="show")
@click.argument("id", metavar="[ID]", required=False)
@click.option("--sent", is_flag=True, help="With every word that a language model was told.")
def show(door: Door, id: str | None, sent: bool) -> Facts:
    """The questions of one conversation, or of the last, and how each was answered; the rows are not kept."""
    memory = _memory(door)
    found = memory.conversation(id or memory.last(door.kind))
    return Facts(tuple((f"{one.turn}. {one.answer.question}", tuple(_facts(one, sent)))
                       for one in memory.turns(found.id)))


def _facts(kept: Kept, sent: bool) -> list[tuple[str, str]]:
    answer = kept.answer
    facts = [("answer", f"{answer.id}, {_when(kept.asked_at)}, planner {answer.planner}"),
             (answer.status, answer.text)]
    facts += [("choice", f"{number}. {one.text}") for number, one in enumerate(answer.choices, 1)]
    facts += [("assumed", one) for one in answer.assumptions]
    if answer.sql:
        facts.append(("SQL", " ".join(answer.sql.split())))
    if kept.row_count is not None:
        facts.append(("rows", f"{kept.row_count:,}: {', '.join(kept.columns)}"))
    for row in kept.rows or ():
        facts.append(("", " | ".join("NULL" if one is None else str(one) for one in row)))
    if kept.rating:
        facts.append(("rated", kept.rating + (f": {kept.note}" if kept.note else "")))
    for one in answer.sent if sent else ():
        facts.append(("from model" if one["role"] == "model" else f"told ({one['role']})",
                      " ".join(str(said) for name, said in one.items() if name != "role" and said)))
    return facts


@conversations.verb("conversations rate up", "conversations rate down 8c1f --note 'counts cancelled orders'",
                    name="rate")
@click.argument("rating", type=click.Choice(["up", "down", "none"]))
@click.argument("answer", metavar="[ANSWER]", required=False)
@click.option("--note", default="", help="Why, in your words.")
def rate(door: Door, rating: str, answer: str | None, note: str) -> str:
    """Thumbs up or down for an answer; without its id, the last one. `none` takes it back."""
    given = "" if rating == "none" else rating
    kept = _memory(door).rate(answer or last_answer(door), given, note)  # type: ignore[arg-type]
    more = f"\nTo have it answer this question from now on: {door.program} verified add --answer {kept.answer.id}" \
        if rating == "up" and kept.answer.sql and not kept.answer.verified else ""
    return f"Rated {rating}: {kept.answer.question}{more}"


@conversations.verb("conversations replay", "conversations replay 1f0c", "conversations replay 1f0c --planner builtin",
                    name="replay")
@click.argument("id", metavar="[ID]", required=False)
@click.option("--planner", metavar="NAME", help="Who answers now; else who answered then.")
@_format
def replay(door: Door, id: str | None, planner: str | None, format_: Format) -> object:
    """Ask the questions of a conversation, or of the last, again and tell what has changed; nothing of it is kept."""
    from pluto_duck.agent.memory.replay import replay as replayed

    id = id or _memory(door).last(door.kind)
    rows = tuple((one.before.turn, one.question, one.before.answer.status,
                  one.after.status if one.after is not None else "failed", "; ".join(one.changes) or "nothing")
                 for one in replayed(door.open_session(), id, planner=planner))
    return formatted(Rows(("turn", "question", "was", "is", "changed"), rows), format_)


@conversations.verb("conversations rename 1f0c 'Late flights'", name="rename")
@click.argument("id", metavar="ID")
@click.argument("title")
def rename(door: Door, id: str, title: str) -> str:
    """Give a conversation another title than its first question."""
    found = _memory(door).rename(id, title)
    return f"Renamed: {found.title}"


@conversations.verb("conversations export 1f0c > late.md", name="export")
@click.argument("id", metavar="ID")
def export(door: Door, id: str) -> str:
    """A conversation as Markdown: questions, answers, SQL, what each cost; without the rows, which are not kept."""
    return _memory(door).markdown(id).rstrip()


@conversations.verb("conversations delete 1f0c", name="delete")
@click.argument("id", metavar="ID")
def delete(door: Door, id: str) -> str:
    """Forget a conversation and all its answers. Verified questions stay."""
    found = _memory(door).delete(id)
    return f"Deleted: {found.title} ({found.turns} questions)"


def _when(at: float) -> str:
    return dt.datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")
