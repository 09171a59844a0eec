"""`%ask how many flights?`: IPython would take the question mark for its own help."""

from __future__ import annotations

from typing import Any

from IPython.core.inputtransformer2 import EscapedCommand, HelpEnd

_WORDS = (("ask",), ("pluto", "ask"), ("pluto", "sql"))


class Question(EscapedCommand):  # type: ignore[misc]
    """Takes these lines as magics before IPython looks for help in them. `%ask?` alone stays help."""

    priority = HelpEnd.priority - 1

    @classmethod
    def find(cls, tokens_by_line: list[list[Any]]) -> Question | None:
        for line in tokens_by_line:
            tokens = [one for one in line if one.string.strip()]
            words = tuple(one.string for one in tokens[1:3])
            if tokens and tokens[0].string == "%" and (words[:1] in _WORDS or words in _WORDS):
                asked = tokens[1 + len(words[:1] if words[:1] in _WORDS else words):]
                if any(one.string not in ("?", "??") for one in asked):
                    return cls(tokens[0].start)
        return None
