"""The words, numbers, dates and quotations of a question, as they were typed."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\"[^\"]+\"|(?<![\w])'[^']+'(?![\w])|“[^”]+”|‘[^’]+’|\d{4}-\d\d(?:-\d\d)?|(?<![\w-])-\d+(?:\.\d+)?|\d+(?:,\d{3})+(?:\.\d+)?|\d+\.\d+"
    r"|[^\W_]+(?:[-_.&'’][^\W_]+)*|[<>]=?|[=,&%$]"
)


@dataclass(frozen=True)
class Token:
    text: str
    lower: str
    quoted: bool = False

    @property
    def capital(self) -> bool:
        return self.text[:1].isupper()


def tokens(question: str) -> list[Token]:
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
