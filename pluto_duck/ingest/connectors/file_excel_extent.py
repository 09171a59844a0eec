"""How far the sheets of an .xlsx reach, looked up in its XML before a reader takes memory for all of it.

Readers hold a sheet as one rectangle: a single value in the last cell there is, XFD1048576, is 17 billion cells,
and ends the process. A chosen range is cut out of such a sheet instead.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pluto_duck.errors import SourceError, UsageError

MAX_CELLS = 50_000_000
"""The rectangle from A1 on: 50 columns of as many rows as a sheet can have."""
MAX_BYTES = 1 << 32
MAX_RATIO = 500
"""Unpacked to packed, of a part above MIN_BYTES; full sheets of one value reach some 100."""
MIN_BYTES = 1 << 26
_BLOCK = 1 << 20
_CELL = re.compile(rb"<(?:\w+:)?c\s[^<>]*?\br\s*=\s*[\"']([A-Z]{1,3})([0-9]{1,9})[\"']")
_WHOLE_CELL = re.compile(rb"<((?:\w+:)?)c\s(?:[^<>]*[^<>/])?(?:/>|>.*?</\1c>)", re.DOTALL)
_extents: dict[tuple[str, int, int], dict[str, tuple[int, int]]] = {}


def bounded(path: Path, shown: str, options: Mapping[str, str]) -> Any:
    """What a reader may open: the path, or a file in memory whose sheets are cut to the option `range`.

    Raises SourceError for a sheet that is too large; for the one of the option `sheet` alone where it is given.
    """
    if not zipfile.is_zipfile(path):
        return str(path)
    try:
        with zipfile.ZipFile(path) as book:
            sheets = _sheets(book)
            wanted = options.get("sheet")
            looked_at = {wanted: sheets[wanted]} if wanted in sheets else sheets
            found = _reach(path, book, looked_at, shown)
            large = {name: part for name, part in looked_at.items() if _area(found[part]) > MAX_CELLS}
            if not large:
                return str(path)
            name, part = next(iter(large.items()))
            rows, width = found[part]
            corners = _corners(options["range"], rows) if "range" in options else None
            if corners is None or (corners[2] + 1) * (corners[3] + 1) > MAX_CELLS:
                raise SourceError(
                    f"{shown}: the sheet {name} reaches to cell {letters(width - 1)}{rows}, {rows * width:,} cells; "
                    f"at most {MAX_CELLS:,} can be read.",
                    hint="Clear the cells far below or to the right, or choose a part: --option range=A1:Z1000")
            return _cut(book, set(large.values()), corners)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        return str(path)  # the reader says what is wrong with it


def _sheets(book: zipfile.ZipFile) -> dict[str, str]:
    """Name of the sheet -> its part; a workbook that is no .xlsx has none."""
    from xml.etree import ElementTree

    try:
        texts = [_small(book, one) for one in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels")]
        trees = [ElementTree.fromstring(one) for one in texts]
    except (KeyError, ElementTree.ParseError):
        return {}
    parts = {one.get("Id"): posixpath.normpath(posixpath.join("/xl", one.get("Target", ""))).lstrip("/")
             for one in trees[1].iter()}
    have = set(book.namelist())
    found = {}
    for one in trees[0].iter():
        key = next((value for name, value in one.attrib.items() if name.endswith("}id")), None)
        if one.tag.endswith("}sheet") and parts.get(key) in have and parts[key].endswith(".xml"):
            found[one.get("name", "")] = parts[key]
    return found


def _small(book: zipfile.ZipFile, part: str) -> bytes:
    with book.open(part) as file:
        return file.read(1 << 24)


def _reach(path: Path, book: zipfile.ZipFile, sheets: Mapping[str, str], shown: str) -> dict[str, tuple[int, int]]:
    """(rows, columns) of each part, counted from A1."""
    status = path.stat()
    if len(_extents) > 100:
        _extents.clear()
    known = _extents.setdefault((str(path), status.st_size, status.st_mtime_ns), {})
    for info in book.infolist():
        if info.file_size > MAX_BYTES or (
                info.file_size > MIN_BYTES and info.file_size > MAX_RATIO * max(1, info.compress_size)):
            raise SourceError(f"{shown} would unpack to more than can be read: {info.filename} has "
                              f"{info.file_size:,} bytes.", hint="Is it a workbook? Save it anew, or export it as csv.")
    for part in sheets.values():
        if part not in known:
            rows = width = 0
            for block in _blocks(book, part):
                cells = _CELL.findall(block)
                if cells:
                    width = max(width, max(_place(one) + 1 for one in {column for column, _row in cells}))
                    rows = max(rows, max(map(int, {row for _column, row in cells})))
            known[part] = rows, width
    return known


def _blocks(book: zipfile.ZipFile, part: str, mark: bytes = b"<") -> Iterator[bytes]:
    """A part's XML in pieces that begin with `mark`."""
    rest = b""
    with book.open(part) as file:
        while block := file.read(_BLOCK):
            rest += block
            at = rest.rfind(mark)
            if at > 0:
                yield rest[:at]
                rest = rest[at:]
            elif len(rest) > MIN_BYTES:
                raise zipfile.BadZipFile("no tag")
    yield rest


def _cut(book: zipfile.ZipFile, parts: set[str], corners: tuple[int, int, int, int]) -> io.BytesIO:
    """The workbook, of these sheets only the cells between the corners: (top, left, bottom, right)."""
    top, left, bottom, right = corners

    def kept(found: re.Match[bytes]) -> bytes:
        cell = _CELL.match(found[0])
        inside = cell is not None and top <= int(cell[2]) - 1 <= bottom and left <= _place(cell[1]) <= right
        return found[0] if inside else b""

    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        for name in book.namelist():
            with out.open(name, "w") as file:
                for block in _blocks(book, name, b"<row") if name in parts else _whole(book, name):
                    file.write(_WHOLE_CELL.sub(kept, block) if name in parts else block)
    target.seek(0)
    return target


def _whole(book: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    with book.open(part) as file:
        while block := file.read(_BLOCK):
            yield block


def _corners(text: str, rows: int) -> tuple[int, int, int, int]:
    top, left, bottom, right = cells_of(text)
    return top, left, min(rows, bottom + 1 if bottom is not None else rows) - 1, right


def cells_of(text: str) -> tuple[int, int, int | None, int]:
    """(top, left, bottom, right) from 0 of B3:F200; bottom None for B3:F."""
    found = re.fullmatch(r"([A-Za-z]{1,3})(\d+):([A-Za-z]{1,3})(\d*)", text)
    if not found:
        raise UsageError(f"{text!r} is no range of cells.", hint="For example range=B3:F200 or range=B3:F")
    return (int(found[2]) - 1, _place(found[1].upper().encode()), int(found[4]) - 1 if found[4] else None,
            _place(found[3].upper().encode()))


def _place(column: bytes) -> int:
    number = 0
    for letter in column:
        number = number * 26 + letter - 64
    return number - 1


def letters(place: int) -> str:
    text, place = "", place + 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(65 + rest) + text
    return text


def _area(extent: tuple[int, int]) -> int:
    return extent[0] * extent[1]
