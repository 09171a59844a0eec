"""Writing a `[[source]]` into ingest.toml; whatever else stands there, comments too, stays as it is."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pluto_duck.errors import Refused, UsageError
from pluto_duck.ingest.recipe import Recipe, Source, parse

_HEAD = re.compile(r"[ \t]*\[\[\s*source\s*\]\]")
_ASIDE = re.compile(r"\s*(#.*)?\Z")
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_NEW_FILE = """\
# What `pluto-duck ingest --all` loads. Every option of `ingest` is a key, with _ for -.
# No passwords here: `pluto-duck connections add NAME URI`, then from = "NAME".
"""
WIDTH = 100


def refuse_other(path: Path, entry: Mapping[str, Any], *, force: bool = False) -> None:
    """Raises Refused when an entry of that name says something else, unless `force`."""
    old = _named(parse(path.read_text(encoding="utf-8"), path), entry) if path.exists() and not force else None
    if old is not None and dict(old.written) != dict(entry):
        raise Refused(f"{path} has a source {entry['name']} already, and it says something else:\n"
                      f"{to_toml(old.written)}", hint=f"Save under another name (--save=NAME), or replace it with "
                                                      f"--save={entry['name']} --force.")


def _named(recipe: Recipe, entry: Mapping[str, Any]) -> Source | None:
    return next((one for one in recipe.sources if one.name == entry["name"]), None)


def save(path: Path, entry: Mapping[str, Any], *, force: bool = False) -> Literal["added", "replaced", "unchanged"]:
    """Raises what `refuse_other` does."""
    refuse_other(path, entry, force=force)
    before = path.read_text(encoding="utf-8") if path.exists() else _NEW_FILE
    recipe = parse(before, path)
    old = _named(recipe, entry)
    if old is not None and dict(old.written) == dict(entry):
        return "unchanged"
    block = to_toml(entry)
    after = before.rstrip("\n") + f"\n\n{block}" if old is None else _replaced(
        before, recipe.sources.index(old), block)
    expected = [dict(one.written) for one in recipe.sources]
    if old is None:
        expected.append(dict(entry))
    else:
        expected[recipe.sources.index(old)] = dict(entry)
    # A text of several lines may look like an entry: better not written than written wrong.
    if _entries(after, path) != expected:
        raise UsageError(f"{path} is written in a way that can't be changed safely.",
                         hint=f"Add this yourself:\n{block}")
    _write(path, after)
    return "added" if old is None else "replaced"


def _entries(text: str, path: Path) -> list[dict[str, Any]] | None:
    try:
        return [dict(one.written) for one in parse(text, path).sources]
    except UsageError:
        return None


def _replaced(text: str, number: int, block: str) -> str:
    lines = text.splitlines()
    heads = [i for i, line in enumerate(lines) if _HEAD.match(line)]
    first = heads[number] if number < len(heads) else len(lines)
    last = heads[number + 1] if number + 1 < len(heads) else len(lines)
    while last > first + 1 and _ASIDE.match(lines[last - 1]):
        last -= 1  # blank lines and comments above the next entry belong to that one
    return "\n".join([*lines[:first], *block.rstrip("\n").split("\n"), *lines[last:]]) + "\n"


def _write(path: Path, text: str) -> None:
    """All or nothing; a link is replaced, not followed."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise UsageError(f"{path} can't be written: {error.strerror}.") from error


def to_toml(entry: Mapping[str, Any]) -> str:
    """One `[[source]]` with a line for each key; lists and tables go over several when they are long."""
    return "[[source]]\n" + "".join(f"{_key(key)} = {_value(value, len(key))}\n" for key, value in entry.items())


def _key(name: str) -> str:
    return name if _BARE.match(name) else _string(name)


def _value(value: Any, before: int = 0) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        parts = [_value(one) for one in value]
        line = f"[{', '.join(parts)}]"
        return line if before + len(line) < WIDTH else "[\n" + "".join(f"  {one},\n" for one in parts) + "]"
    return _string(str(value))


def _string(text: str) -> str:
    # TOML's basic string is JSON's but for two: DEL must be escaped, and surrogates can't be written.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
