"""What an answer must admit although the planner did its best: words that were broken, values not read yet."""

from __future__ import annotations

from collections.abc import Sequence

from pluto_duck.catalog import Catalog, Problem
from pluto_duck.catalog.words import split
from pluto_duck.session import Session


def caveats(question: str, session: Session) -> list[str]:
    """Short clauses. Nothing for a planner that never looked at the catalog."""
    catalog = Catalog.known(session)
    if catalog is None:
        return []
    said = split(question)
    broken = [one for one in catalog.semantics.problems if one.level == "broken"]
    found = [_left_out(one) for one in broken if not one.where or any(_holds(said, split(word)) for word in one.words)]
    if catalog.unread:
        names = [str(one.ref) for one in catalog.unread[:3]]
        more = f" and {len(catalog.unread) - 3} more" if len(catalog.unread) > 3 else ""
        found.append(f"the values of {', '.join(names)}{more} are still being read, so a name in them may have been "
                     "missed")
    return found


def _left_out(problem: Problem) -> str:
    at = f" (line {problem.line})" if problem.line else ""
    if not problem.where:
        return f"{problem.source}{at} can't be read, so nothing of it was used"
    return f"{problem.where} of {problem.source}{at} is broken and was not used"


def _holds(said: Sequence[str], words: Sequence[str]) -> bool:
    """The words stand side by side in the question."""
    size = len(words)
    return any(tuple(said[at : at + size]) == tuple(words) for at in range(len(said) - size + 1))
