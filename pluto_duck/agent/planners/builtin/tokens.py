"""The words, numbers, dates and quotations of a question, as they were typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pluto_duck.agent.mentions import Mention

_TOKEN = re.compile(
    r"\"[^\"]+\"|(?<![\w])'[^']+'(?![\w])|“[^”]+”|‘[^’]+’|\d{4}-\d\d(?:-\d\d)?|(?<![\w-])-\d+(?:\.\d+)?|\d+(?:,\d{3})+(?:\.\d+)?|\d+\.\d+"
    r"|[^\W_]+(?:[-_.&'’][^\W_]+)*|[<>]=?|[=,&%$]"
)


@dataclass(frozen=True)
class Token:
    text: str
    lower: str
    quoted: bool = False
    pointed: Mention | None = None
    """A name that was pointed at; it is quoted, too: no idiom has it."""

    @property
    def capital(self) -> bool:
        return self.text[:1].isupper()


def tokens(question: str, pointed: Sequence[Mention] = ()) -> list[Token]:
    found, at = list[Token](), 0
    for one in pointed:
        found += _plain(question[at:one.start])
        found.append(Token(one.name, one.name.lower(), True, one))
        at = one.end
    return found + _plain(question[at:])


def _plain(question: str) -> list[Token]:
    found = []
    for match in _TOKEN.finditer(question):
        text = match.group()
        quoted = text[0] in "\"'“‘" and len(text) > 2
        if quoted:
            text = text[1:-1].strip(" .,")
        elif text.lower().endswith(("'s", "’s")):
            text = text[:-2]
        found.append(Token(text, text.lower(), quoted))
    return found
