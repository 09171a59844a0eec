"""Verified questions: in `semantics.yaml`, where they can be read, reviewed and shared.

A thumb is an opinion and stays in the control store. A verified question is a rule: it answers everybody who asks it,
so it stands in a file that its owner keeps under version control, beside the words that belong to the same tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pluto_duck.agent.answer import Answer
from pluto_duck.agent.memory.likeness import likeness, moves, stands_still, words
from pluto_duck.agent.memory.semantic_file import change
from pluto_duck.agent.planners import Context
from pluto_duck.catalog import Catalog, Verified
from pluto_duck.catalog.semantics import FILE, Semantics
from pluto_duck.catalog.semantics.nodes import Node, read
from pluto_duck.catalog.semantics.writing import added
from pluto_duck.errors import PlutoError, Refused, StatementError, UnknownName, UsageError, unknown_name
from pluto_duck.session import Session

PLANNER = "verified"
"""What an answer by a verified question has for its planner: none worked on it."""
BROKEN = (StatementError, UnknownName, Refused)
"""What says that SQL no longer fits the tables."""
MAX_QUESTION = 2_000
MAX_SQL = 4_000


@dataclass(frozen=True)
class Checked:
    """A verified question, and what is wrong with it; "" where nothing is."""

    question: str
    sql: str
    fault: str = ""


class VerifiedQuestions:
    """Those of one workspace."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def all(self) -> tuple[Verified, ...]:
        """In the order of the file."""
        return Catalog.of(self._session).semantics.questions

    def check(self) -> list[Checked]:
        """Runs the SQL of each, read-only."""
        return [Checked(one.question, one.sql, self._fault(one)) for one in self.all()]

    def add(self, question: str, sql: str, *, replace: bool = False) -> Verified:
        """Writes one into the file, whose comments and order stay; the very same one is added once.

        Raises what running the SQL raises; Refused where the question is verified with other SQL (unless `replace`),
        and where it says "last month" and its SQL names a month.
        """
        made = Verified(" ".join(question.split()), _on_one_line(sql.strip().rstrip(";").strip()))
        self._refuse(made)
        self._session.query(made.sql, read_only=True, max_rows=1, timeout_s=self._session.settings["agent.timeout_s"])
        alike = [one for one in self.all() if likeness(words(made.question), words(one.question)) == "same"]
        for one in alike:
            if one.sql == made.sql:
                return one
        if alike and not replace:
            raise Refused(f"{alike[0].question!r} is verified already, with other SQL: {alike[0].sql}",
                          hint="Replace it (--replace), or remove it first.")
        entry = [{"question": made.question, "sql": made.sql}]

        def edit(text: str) -> str:
            for one in alike:
                text = without(text, one)
            return added(text, ("questions",), entry)

        change(self._session.workspace, edit, lambda before, after: _meant(
            before, after, (*(one for one in before.questions if one not in alike), made)))
        return made

    def _refuse(self, made: Verified) -> None:
        if not words(made.question):
            raise UsageError("The question is empty.")
        if not made.sql:
            raise UsageError("There is no SQL.", hint="A verified question is one with the SQL that answers it.")
        if len(made.question) > MAX_QUESTION or len(made.sql) > MAX_SQL:
            raise UsageError(f"A verified question has at most {MAX_QUESTION:,} characters, its SQL {MAX_SQL:,}.")
        if moves(made.question) and stands_still(made.sql):
            raise Refused("The question means another time tomorrow, and its SQL names a fixed one.",
                          hint="Give SQL that counts from current_date or the data's last date (--sql), or ask with "
                               "the dates themselves.")

    def remove(self, question: str) -> Verified:
        """By its words, or its number in the list, counted from 1. Raises UnknownName."""
        there = self.all()
        found = [one for one in there if likeness(words(question), words(one.question)) == "same"]
        if question.isdecimal() and 1 <= int(question) <= len(there):
            found = [there[int(question) - 1]]
        if not found:
            raise unknown_name("verified question", question, [one.question for one in there])
        gone = found[0]
        left = list(there)
        left.remove(gone)
        change(self._session.workspace, lambda text: without(text, gone),
               lambda before, after: _meant(before, after, tuple(left)))
        return gone

    def _fault(self, one: Verified) -> str:
        try:
            self._session.query(one.sql, read_only=True, max_rows=1,
                                timeout_s=self._session.settings["agent.timeout_s"])
        except PlutoError as error:
            return error.message
        rivals = [other for other in self.all() if other.sql != one.sql
                  and likeness(words(one.question), words(other.question)) == "same"]
        if rivals:
            return "the same question stands there with other SQL: neither is used"
        if moves(one.question) and stands_still(one.sql):
            return "the question means another time tomorrow, and its SQL names a fixed one"
        return ""


def _on_one_line(sql: str) -> str:
    """As people can review it in a file; as it is where a line's end may be part of a text, or end a comment."""
    lines = sql.splitlines()
    if any(one.count(quote) % 2 for one in lines for quote in "'\"") or any(one in sql for one in ("--", "/*", "$")):
        return sql
    return " ".join(one.strip() for one in lines if one.strip())


def _meant(before: Semantics, after: Semantics, questions: tuple[Verified, ...]) -> bool:
    """Nothing but the questions has changed, and they as they should."""
    same = all(getattr(before, name) == getattr(after, name) for name in ("tables", "metrics", "terms", "joins"))
    return same and after.questions == questions and len(after.problems) <= len(before.problems)


def without(text: str, gone: Verified) -> str:
    """The text of a semantic file without one of its questions; comments above it stay. Raises Unreadable."""
    root = read(text)
    held = root.get("questions") if root is not None and root.kind == "map" else None
    items = held.items if held is not None and held.kind == "list" else []
    for number, item in enumerate(items):
        parts = {name: one.text.strip() if (one := item.get(name)) is not None else "" for name in ("question", "sql")}
        if item.kind != "map" or parts != {"question": gone.question, "sql": gone.sql}:
            continue
        assert held is not None
        if held.flow:
            after = items[number + 1].start if number + 1 < len(items) else item.end
            begin = item.start if number + 1 < len(items) or not number else items[number - 1].end
            return text[:begin] + text[after:]
        begin = text.rfind("\n", 0, text.rindex("-", 0, item.start)) + 1
        end = text.find("\n", max(_end_of(item) - 1, 0))
        return text[:begin] + ("" if end < 0 else text[end + 1:])
    return text


def _end_of(node: Node) -> int:
    """Behind the last character of what a node holds: a block ends only where the next one begins."""
    below = [*node.items, *(one for pair in node.pairs for one in pair)]
    return node.end if node.flow or not below else max(map(_end_of, below))


# -- answering ------------------------------------------------------------------------------------


def recognised(question: str, context: Context, explain: Callable[[str], None]) -> Answer | None:
    """The answer by a verified question that reads alike; None where there is none.

    `explain` is told why one that reads alike was not used: an answer that is worked out anew must say so.
    """
    there = context.catalog().semantics.questions
    if not there:
        return None
    asked = words(question)
    found = [(like, one) for one in there if (like := likeness(asked, words(one.question))) is not None]
    best = [one for like, one in found if like == "same"] or [one for _like, one in found]
    if not best:
        return None
    one = best[0]
    if any(other.sql != one.sql for other in best):
        explain(f"{FILE} verifies this question with different SQL: none of it was used")
        return None
    try:
        result = context.run(one.sql)
    except BROKEN as error:
        explain(f"the verified question {one.question!r} no longer runs ({error.message.rstrip('.')}): "
                "this was worked out anew")
        return None
    notes = [] if words(one.question) == asked else [f"this was taken for the verified question {one.question!r}"]
    if moves(question) and stands_still(one.sql):
        notes.append("the verified SQL names a fixed time, whatever the day of asking is")
    return Answer("assumed" if notes else "answered", question, PLANNER, f"A verified question: {one.question}",
                  one.sql, tuple(notes), 0.9 if notes else 1.0, (f"a verified question in {FILE}",), result=result,
                  verified=one.question)
