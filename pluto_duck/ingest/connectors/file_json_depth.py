"""How deep json is nested, counted before DuckDB sees it: 100,000 brackets end its process."""

from __future__ import annotations

import re
from pathlib import Path

from pluto_duck.errors import SourceError
from pluto_duck.ingest.connectors.csv_dialect import open_packed

MAX_DEPTH = 200
"""DuckDB's and Arrow's own limits on a type lie below."""
_BLOCK = 1 << 20
_OTHERS = bytes(set(range(256)) - set(b'"[]{}'))
_STRING = re.compile(rb'"[^"]*"')


def check_depth(path: Path, shown: str) -> None:
    """Raises SourceError for a file with more than MAX_DEPTH lists and objects within each other."""
    depth, inside, rest = 0, False, b""
    try:
        with open_packed(path) as file:
            while block := file.read(_BLOCK):
                block = rest + block
                if b"\\" in block:
                    slashes = len(block) - len(block.rstrip(b"\\"))
                    rest = b"\\" if slashes % 2 else b""
                    block = block.replace(b"\\\\", b"").replace(b'\\"', b"")
                else:
                    rest = b""
                marks = (b'"' if inside else b"") + block.translate(None, _OTHERS)
                inside = marks.count(b'"') % 2 == 1
                # Two quotes side by side are an empty string, or the seam of two that may as well be one.
                marks = _STRING.sub(b"", marks.replace(b'""', b"")).partition(b'"')[0]
                depth = _after(marks, depth, shown)
    except (OSError, EOFError, ValueError):
        return  # DuckDB will say what is wrong with it


def _after(marks: bytes, depth: int, shown: str) -> int:
    """The depth behind these brackets."""
    left = marks
    for level in range(1, MAX_DEPTH + 1):  # pairs are taken out from within: most json is flat
        shorter = left.replace(b"{}", b"").replace(b"[]", b"")
        if len(shorter) == len(left):
            opened = left.count(b"[") + left.count(b"{")
            if depth + opened + 2 * level <= MAX_DEPTH:
                return max(0, depth + 2 * opened - len(left))
            break
        left = shorter
    for mark in marks:
        depth = depth + 1 if mark in b"[{" else max(0, depth - 1)
        if depth > MAX_DEPTH:
            raise SourceError(f"{shown}: lists and objects are nested more than {MAX_DEPTH} levels deep.",
                              hint="Is it whole, and json at all?")
    return depth
