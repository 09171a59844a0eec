"""Questions that are about where data comes from, or what hangs on it, and not about rows: no SQL answers them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pluto_duck.agent.answer import Answer
from pluto_duck.errors import UsageError
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace.tableref import TableRef, fold, parts

_NAME = r"(?:the )?(?:(?:table|view|model|column) )?(?P<name>[^ ]+|\"[^\"]+\"(?:\.\"[^\"]+\")*)"
_ASKED = tuple((verb, re.compile(rf"{words}[ ?.!]*", re.IGNORECASE)) for verb, words in (
    ("lineage {} --up", rf"(?:what|which tables?|who) feeds? {_NAME}"),
    ("lineage {} --up", rf"where (?:does|do|did) {_NAME} come from"),
    ("lineage {} --up", rf"what (?:is|are) {_NAME} (?:made|built|derived|computed) (?:of|from|by)"),
    ("lineage {}", rf"(?:(?:show|give|tell)(?: me)? |what is )?the lineage of {_NAME}"),
    ("lineage {} --down", rf"(?:what|who|which \w+) (?:reads?|uses?|depends? on|needs?) {_NAME}"),
    ("lineage {} --down", rf"(?:what|where|who) is {_NAME} (?:used|read|needed)(?: by| for| in)?"),
    ("lineage impact {}", r"what (?:breaks?|would break|happens|would happen|fails?) (?:if|when) (?:i|we|you|somebody) "
                          rf"(?:drop|remove|delete|rename)s? {_NAME}"),
    ("lineage impact {}", rf"what (?:breaks?|would break|fails?) without {_NAME}"),
    ("lineage impact {}", rf"(?:can|may|could) (?:i|we) (?:drop|remove|delete|rename) {_NAME}")))


def pointed_out(answer: Answer, session: Session) -> Answer:
    """A question that no planner could answer, with the verb that does. The owner's: verbs are no one else's."""
    if answer.status != "declined" or session.actor is not None:
        return answer
    verb = verb_for(answer.question, session)
    if not verb:
        return answer
    return replace(answer, unknown_words=(), text="That is about where data comes from and who reads it, which no SQL "
                   f"tells: pluto-duck {verb} does, and %pluto {verb} in a notebook.")


def verb_for(question: str, session: Session) -> str:
    """"" for what is no such question, or is about nothing that is there."""
    text = " ".join(question.split())
    found = next(((verb, match["name"].rstrip("?.!")) for verb, pattern in _ASKED
                  if (match := pattern.fullmatch(text))), None)
    if found is None or not _there(found[1], session.tables()):
        return ""
    return found[0].format(f"'{found[1]}'" if '"' in found[1] else found[1])


def _there(name: str, tables: Sequence[TableInfo]) -> bool:
    columns = {one.ref.key: {fold(column.name) for column in one.columns} for one in tables}
    try:
        path = parts(name)
    except UsageError:
        return False
    for length in (1, 2):
        if length <= len(path) <= length + 1 and all(path):
            known = columns.get(TableRef(path[length - 1], *path[:length - 1]).key)
            if known is not None and (len(path) == length or fold(path[-1]) in known):
                return True
    return False


__all__ = ["pointed_out", "verb_for"]
