"""A statement without its literals: its shape, for people who read the audit."""

from __future__ import annotations

import re

LONGEST = 500

# Whatever may hold a value; what is not understood ends the summary.
_PARTS = re.compile(r"""(?xs)
    (?P<comment> --[^\n]* | /\*.*?\*/ )
  | (?P<text> [eExXbB]?'(?:[^'\\]|''|\\.)*' | \$(?P<tag>[A-Za-z_]\w{0,63})?\$.*?\$(?(tag)(?P=tag))\$ )
  | (?P<quoted> "(?:[^"]|"")*" )
  | (?P<number> (?<![\w$]) (?: 0[xX][0-9a-fA-F_]+ | [0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)? | \.[0-9]+ ) )
  | (?P<word> \$?\w+ )
  | (?P<space> \s+ )
  | (?P<sign> [^\s\w'"$] )
""")


def summary(sql: str) -> str:
    """"" where a part of the text is not understood: better nothing than somebody's name."""
    found: list[str] = []
    at = 0
    while at < len(sql):
        part = _PARTS.match(sql, at)
        if part is None or part.end() == at:
            return ""
        at = part.end()
        kind = part.lastgroup if part.lastgroup != "tag" else "text"
        if kind in ("comment", "space"):
            if found and found[-1] != " ":
                found.append(" ")
        elif kind in ("text", "number"):
            found.append("?")
        else:
            found.append(part[0])
    return "".join(found).strip()[:LONGEST]
