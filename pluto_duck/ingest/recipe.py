"""`ingest.toml`: the loads of a workspace, to be run again with `ingest --all`.

    [[source]]
    name = "shop"
    from = "shop"                   # a connection; or uri = "data/*.csv"
    tables = ["orders", "customers"]
    mode = "merge"

Every field of LoadOptions is a key. What reads more than the files of its own folder runs only after
`pluto-duck trust`: a cloned folder must not use our connections, name hosts or run code.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from pluto_duck.errors import PlutoError, UnknownName, UsageError, nearest, unknown_name
from pluto_duck.ingest.connections_address import as_libpq, is_keywords, split
from pluto_duck.ingest.options import LoadOptions

FILE = "ingest.toml"

_OWN = ("name", "from", "uri")
_OPTIONS = {one.name: one for one in fields(LoadOptions)}
KEYS = (*_OWN, *_OPTIONS)
# What a source entry may say about a file of the folder without being seen first: nothing here runs SQL or
# code of the file's author, or reaches beyond the folder.
_HARMLESS = frozenset(_OWN) | {
    "tables", "exclude", "into", "mode", "key", "delete_missing", "cursor", "lag", "since", "limit", "sample",
    "columns", "skip", "rejects", "verify", "check", "parallel"} - {"from"}


@dataclass(frozen=True)
class Source:
    """One `[[source]]`."""

    name: str
    uri: str | None
    """As it is written; None with a connection."""
    connection: str | None
    options: LoadOptions
    written: Mapping[str, Any]
    """The keys as they stand in the file."""

    def place(self, root: Path) -> str:
        """The address, a relative path made whole from the folder of the workspace."""
        assert self.uri is not None
        return str(root / Path(self.uri).expanduser()) if is_path(self) else self.uri

    def needs_trust(self, root: Path) -> bool:
        if not is_path(self) or set(self.written) - _HARMLESS:
            return True
        from pluto_duck.ingest.connectors.file_formats import format_of
        from pluto_duck.ingest.connectors.file_places import files_at

        place = self.place(root)
        # As far as there is no pattern in it: that part may lead out of the folder, by .. or a link.
        fixed = Path(re.split(r"[*?\[]", place)[0])
        try:
            found = files_at(place, deep=True)
        except PlutoError:
            found = []
        # The views of a database read what they like, and files below may be links.
        return not all(one.resolve().is_relative_to(root.resolve()) for one in (fixed, *found)) or (
            any(not format_of(one.name) for one in found))


@dataclass(frozen=True)
class Recipe:
    path: Path
    sources: tuple[Source, ...]

    @property
    def wanted(self) -> dict[str, Any]:
        """What needs trust, by the name of its entry."""
        return {one.name: dict(one.written) for one in self.sources if one.needs_trust(self.path.parent)}

    def pick(self, names: Iterable[str]) -> tuple[Source, ...]:
        """The named sources, or all. Raises UnknownName with the nearest names."""
        by_name = {one.name: one for one in self.sources}
        for name in (names := tuple(names)):
            if name not in by_name:
                raise unknown_name("source", name, by_name, where=str(self.path))
        return tuple(by_name[name] for name in names) if names else self.sources


def is_path(source: Source) -> bool:
    """True for a file or folder of this machine, by the text alone."""
    uri = source.uri
    return (uri is not None and source.options.connector in (None, "file")
            and re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", uri) is None and not is_keywords(as_libpq(uri)))


def read(path: Path) -> Recipe:
    """Raises UnknownName when there is none, UsageError (with the line) for what makes no sense."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UnknownName(f"There is no {path}.", hint="Make it by loading something with --save: "
                          "pluto-duck ingest sales.csv --save", kind="file", name=str(path), nearest=[]) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text.") from None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.") from error
    return parse(text, path)


def parse(text: str, path: Path) -> Recipe:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}.", hint="Mend that line.") from None
    except RecursionError:
        raise UsageError(f"{path} is nested far deeper than loads are.") from None
    if _holds_nul(tree):
        raise UsageError(f"{path} holds a NUL character, which no name or path has.")
    wrong = next((key for key in tree if key != "source"), None)
    if wrong is not None or not isinstance(tree.get("source", []), list):
        raise UsageError(f"{path} may hold nothing but [[source]] entries; there is {wrong or '[source]'}.",
                         hint='Write [[source]], and name = "...", uri = "..." below it.')
    found: list[Source] = []
    for number, entry in enumerate(tree.get("source", [])):
        one = _source(entry, _Place(path, text, number))
        if any(other.name == one.name for other in found):
            raise UsageError(f"{path} has two sources named {one.name}.", hint="Give one of them another name.")
        found.append(one)
    return Recipe(path, tuple(found))


def _holds_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_nul(one) for pair in value.items() for one in pair)
    return any(_holds_nul(one) for one in value) if isinstance(value, list) else "\0" in str(value)


@dataclass(frozen=True)
class _Place:
    """Where an entry stands, for messages: tomllib keeps no lines."""

    path: Path
    text: str
    number: int

    def of(self, key: str) -> str:
        lines = self.text.splitlines()
        heads = [i for i, line in enumerate(lines) if re.match(r"\s*\[\[\s*source\s*\]\]", line)]
        if self.number >= len(heads):
            return str(self.path)
        first = heads[self.number]
        last = heads[self.number + 1] if self.number + 1 < len(heads) else len(lines)
        pattern = re.compile(rf"""\s*(?:\[\s*source\.)?["']?{re.escape(key)}["']?\s*[\]=.]""")
        line = next((i for i in range(first + 1, last) if pattern.match(lines[i])), first)
        return f"{self.path}, line {line + 1}"


def _source(entry: Any, place: _Place) -> Source:
    if not isinstance(entry, dict):
        raise UsageError(f"{place.path}: a source is a table.", hint="Write [[source]] above its keys.")
    for key in entry:
        if key not in KEYS:
            close = nearest(key, KEYS)
            raise UsageError(f"{place.of(key)}: a source has no key {key!r}.",
                             hint=f"Did you mean {' or '.join(close)}?" if close else f"Keys: {', '.join(KEYS)}.")
    for key in _OWN:
        if key in entry and not (isinstance(entry[key], str) and entry[key].strip()):
            raise UsageError(f"{place.of(key)}: {key} is a text.", hint=f'For example: {key} = "shop"')
    if ("from" in entry) == ("uri" in entry):
        raise UsageError(f"{place.of('from')}: a source has one of from (a connection) and uri.",
                         hint='For example: uri = "data/*.csv", or from = "shop"')
    if "uri" in entry:
        _refuse_password(entry["uri"], place.of("uri"))
    name = entry.get("name") or entry.get("from")
    if name is None:
        raise UsageError(f"{place.of('uri')}: this source has no name.", hint='Add one: name = "sales"')
    given = {key: _value(key, value, place) for key, value in entry.items() if key in _OPTIONS}
    return Source(name, entry.get("uri"), entry.get("from"), LoadOptions(**given), entry)


def _refuse_password(uri: str, where: str) -> None:
    if split(uri)[1] is not None:
        raise UsageError(f"{where}: the address holds a password, and this file is not the place for one.",
                         hint="Keep it with `pluto-duck connections add NAME URI`, and write from = \"NAME\" here.")


def _value(key: str, value: Any, place: _Place) -> Any:
    """A TOML value as LoadOptions has it."""
    kind = str(_OPTIONS[key].type)
    made: Any = None
    if kind.startswith("tuple"):
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list) and all(isinstance(one, str) for one in texts):
            made = tuple(texts)
        wanted = 'a list of texts: ["a", "b"]'
    elif kind.startswith("Mapping"):
        if isinstance(value, dict) and not any(isinstance(one, dict | list) for one in value.values()):
            made = {name: _text(one) for name, one in value.items()}
        wanted = 'a table of texts: { name = "text" }'
    elif kind == "bool":
        made, wanted = value if isinstance(value, bool) else None, "true or false"
    elif "int" in kind or "float" in kind:
        number = int if "int" in kind else (int, float)
        made = value if isinstance(value, number) and not isinstance(value, bool) and value >= 0 else None
        wanted = "a number"
    elif key in _CHOICES:
        made, wanted = value if value in _CHOICES[key] else None, f"one of {', '.join(_CHOICES[key])}"
    else:
        # Dates and numbers have a spelling of their own in TOML: since = 2024-05-01.
        made, wanted = None if isinstance(value, dict | list | bool) else _text(value), "a text"
    if made is None:
        raise UsageError(f"{place.of(key)}: {key} is {wanted}.")
    return made


def _choices() -> dict[str, tuple[str, ...]]:
    from typing import get_type_hints

    hints = get_type_hints(LoadOptions)
    return {name: get_args(hint) for name, hint in hints.items()
            if get_args(hint) and all(isinstance(one, str) for one in get_args(hint))}


_CHOICES = _choices()


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def written(name: str, *, uri: str | None, connection: str | None, options: LoadOptions) -> dict[str, Any]:
    """The keys that make this load again: only what differs from the defaults."""
    entry: dict[str, Any] = {"name": name, **({"uri": uri} if uri is not None else {"from": connection})}
    usual = LoadOptions()
    for key in _OPTIONS:
        value = getattr(options, key)
        if value != getattr(usual, key):
            entry[key] = list(value) if isinstance(value, tuple) else dict(value) if isinstance(
                value, Mapping) else value
    return entry
