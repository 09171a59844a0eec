"""Where the reading of the marks has come to, and what was said just before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pluto_duck.agent.planners.builtin.marks import Mark, has_table, names_table
from pluto_duck.agent.planners.builtin.outline.slots import FilterSlot, Outline
from pluto_duck.agent.planners.builtin.vocabulary import Reading


class Cursor:
    def __init__(self, marks: Sequence[Mark]) -> None:
        self.marks = marks
        self.at = 0
        self.out = Outline()
        self.head = True
        """What is named next is what the question asks for."""
        self.last = ""
        """The kind of part that was found last."""
        self.preposition = ""
        self.negated = False
        self.either = False
        """An "or" came just before: the next condition may hold instead of the last one."""
        self.unbound: list[Mark] = []
        """Columns asked for whose thing may still follow."""
        self.spoken: Mark | None = None
        """The last table or column before the superlative: "carriers" in "which carriers flew the most"."""

    def filter(self, slot: FilterSlot) -> None:
        slot.alternative = self.either and bool(self.out.filters)
        self.either = False
        self.out.filters.append(slot)

    def peek(self, ahead: int = 0) -> Mark:
        at = self.at + ahead
        return self.marks[at] if at < len(self.marks) else Mark("end", "")

    def take(self) -> Mark:
        mark = self.peek()
        self.at += 1
        if mark.kind in ("mention", "grain") and not self.out.ranked:
            self.spoken = mark
        return mark

    def before(self, mark: Mark) -> str:
        """The kind of the mark in front of this one."""
        at = next((i for i, one in enumerate(self.marks) if one is mark), 0)
        return self.marks[at - 1].kind if at else ""

    def skip(self, *kinds: str) -> None:
        while self.peek().kind in kinds:
            self.take()

    def said_measure(self) -> None:
        self.last = "measure"
        self.head = False
        self.preposition = ""

    def project(self, mark: Mark) -> None:
        self.out.projections.append(mark)
        self.last = "projection"
        if not names_table(mark):
            self.unbound.append(mark)

    def bind(self, thing: Mark, *, said: bool = False) -> None:
        """The columns named so far, after which "of" came, are this thing's."""
        if (said or self.preposition in ("of", "for")) and has_table(thing) and self.unbound:
            self.out.bound += [(column, thing) for column in self.unbound]
            self.unbound = []


def rows_of(cursor: Cursor) -> Mark | None:
    """The rows of what was named: the table spoken of, or that of the first column."""
    out = cursor.out
    named = [*out.things, *out.projections, *out.groups]
    table = next((one for one in named if has_table(one)), None)
    if table is not None:
        return table
    if not named or named[0].kind != "mention":
        return None
    rows = {r.table.ref.key: Reading(r.table, None, r.strength, "") for r in named[0].readings}
    return Mark("mention", named[0].text, readings=list(rows.values()))


Step = Callable[[Cursor, Mark], None]
Steps = Mapping[str, Step]
"""What to do at a mark of each kind; the mark is already taken."""
