"""How a csv is written: delimiter, quotes, header, encoding."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pluto_duck.errors import SourceError, UsageError
from pluto_duck.ingest.connectors.csv_types import FLOAT, text

DELIMITERS = ",;\t|"
HEAD_BYTES = 1 << 18
MAX_LINE_BYTES = 1 << 27
"""A longer line is no row: a quote that never ends, or no csv at all. DuckDB holds a few of them in memory."""
MAX_COLUMNS = 10_000
NATIVE_ENCODINGS = {"utf-8": "utf-8", "utf_8": "utf-8", "ascii": "utf-8"}


@dataclass(frozen=True)
class CsvDialect:
    delimiter: str
    header: bool
    names: tuple[str, ...]
    encoding: str = "utf-8"
    quote: str = '"'
    escape: str = '"'
    comment: str = ""
    skip: int = 0
    nulls: tuple[str, ...] = ("",)
    renamed: tuple[str, ...] = ()
    """Columns whose name the file gives twice or not at all, as they are called now."""

    @classmethod
    def of(cls, path: Path, options: Mapping[str, str]) -> CsvDialect:
        """From the beginning of the file; options of the same names win."""
        encoding = encoding_of(path, options)
        head = head_of(path).decode(encoding, errors="replace").removeprefix("\ufeff")
        skip = int(options.get("skip", "0"))
        head = head.split("\n", skip)[-1] if skip else head
        if options.get("comment"):
            head = "\n".join(line for line in head.split("\n") if not line.startswith(options["comment"]))
        quote = options.get("quote", '"')
        escape = options.get("escape", quote)
        delimiter = _delimiter(options["delimiter"]) if "delimiter" in options else _guessed(path, head, quote)
        rows = _rows(head, delimiter, quote, escape)
        header = _flag(options, "header") if "header" in options else _has_header(rows)
        if header and not skip and rows:  # else a blank first line is the header to DuckDB, and the names a row
            skip = head[:len(head) - len(head.lstrip("\r\n"))].count("\n")
        first = rows[0] if rows else []
        if len(first) > MAX_COLUMNS:
            raise SourceError(f"{path} has {len(first):,} columns; at most {MAX_COLUMNS:,} can be read.",
                              hint="Is the delimiter right (--option delimiter=;), and does each row end its line?")
        names, renamed = column_names(first) if header else (tuple(f"column{i}" for i in range(len(first))), ())
        nulls = ("", *(one for one in options.get("null", "").split(",") if one))
        return cls(delimiter, header, names, encoding, quote, escape, options.get("comment", ""), skip, nulls, renamed)

    @property
    def note(self) -> str:
        shown = {"\t": "tab", " ": "blank"}.get(self.delimiter, self.delimiter)
        parts = [f"delimiter {shown}", f"quote {self.quote or 'none'}", "header" if self.header else "no header",
                 self.encoding]
        if self.renamed:
            parts.append(f"columns named here: {', '.join(self.renamed)}")
        return ", ".join(parts)

    def arguments(self, *, keep_going: bool = False, long_lines: bool = False) -> str:
        """For read_csv: every column as text, called c0, c1, ... and nothing left to its sniffer.

        `long_lines`: above DuckDB's 2 MB; its buffers grow with it, and with them the time and the memory.
        """
        columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(self.names)))
        nulls = ", ".join(text(one) for one in self.nulls)
        return (f"auto_detect=false, delim={text(self.delimiter)}, quote={text(self.quote)}, "
                f"escape={text(self.escape)}, comment={text(self.comment)}, skip={self.skip}, strict_mode=true, "
                f"header={'true' if self.header else 'false'}, "
                f"nullstr=[{nulls}], allow_quoted_nulls=false, columns={{{columns}}}"
                + (f", max_line_size={MAX_LINE_BYTES}, buffer_size={2 * MAX_LINE_BYTES}" if long_lines else "")
                + (", store_rejects=true, rejects_limit=0" if keep_going else ""))


def open_packed(path: Path) -> Any:
    """The bytes of a file, unpacked; read errors are OSError, EOFError or ValueError."""
    packed = path.suffix.lower()
    if packed == ".gz":
        import gzip

        return gzip.open(path, "rb")
    if packed != ".zst":
        return open(path, "rb")
    import pyarrow

    return pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd")


def long_line_bytes(path: Path, limit: int) -> int:
    """How long the last line is, up to `limit`; of a packed file the longest, or up to 1 MiB more. A last line
    that is longer than its buffer DuckDB leaves out without a word (seen with 40 MB; packed, with 1 GB)."""
    if path.suffix.lower() in (".gz", ".zst"):
        return _longest_line(path, limit)
    with open(path, "rb") as file:
        at = size = file.seek(0, 2)
        while at > 0 and size - at < limit:
            start = max(0, at - (1 << 20))
            file.seek(start)
            found = file.read(at - start).rstrip(b"\r\n" if at == size else b"").rfind(b"\n")
            if found >= 0:
                return size - start - found - 1
            at = start
    return min(size, limit)


def _longest_line(path: Path, limit: int) -> int:
    longest = size = 0
    with suppress(OSError, EOFError, ValueError), open_packed(path) as file:  # DuckDB will say what is wrong with it
        while longest < limit and (block := file.read(1 << 20)):
            end = max(block.rfind(b"\n"), block.rfind(b"\r"))
            longest = max(longest, size + (len(block) if end < 0 else end))
            size = size + len(block) if end < 0 else len(block) - end
    return min(longest, limit)


def head_of(path: Path) -> bytes:
    try:
        with open_packed(path) as file:
            return bytes(file.read(HEAD_BYTES))
    except (OSError, EOFError, ValueError):
        return b""  # DuckDB will say what is wrong with it


def encoding_of(path: Path, options: Mapping[str, str]) -> str:
    if "encoding" in options:
        try:
            return codecs.lookup(options["encoding"]).name
        except LookupError:
            raise UsageError(f"There is no encoding {options['encoding']!r}.",
                             hint="For example utf-8, utf-16, latin-1, windows-1252, cp437, shift_jis") from None
    start = head_of(path)[:4]
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)) and start != codecs.BOM_UTF16_LE + b"\0":
        return "utf-32"
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"


def _delimiter(said: str) -> str:
    made = {"tab": "\t", r"\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}.get(said, said)
    if not made or len(made) > 4:
        raise UsageError(f"{said!r} is no delimiter.", hint="One character, or tab, space, comma, semicolon, pipe")
    return made


def _flag(options: Mapping[str, str], name: str) -> bool:
    said = options[name].lower()
    if said not in ("true", "false", "yes", "no", "1", "0"):
        raise UsageError(f"{name}={options[name]} is neither true nor false.", hint=f"--option {name}=true")
    return said in ("true", "yes", "1")


def _guessed(path: Path, head: str, quote: str) -> str:
    """The delimiter that stands most often in the first line, outside of quotes."""
    if ".tsv" in [one.lower() for one in path.suffixes]:
        return "\t"
    first = re.sub(rf"{re.escape(quote)}[^{re.escape(quote)}]*{re.escape(quote)}", "", head) if quote else head
    first = first.lstrip("\r\n").split("\n", 1)[0]
    return max(DELIMITERS, key=first.count)


def _rows(head: str, delimiter: str, quote: str, escape: str) -> list[list[str]]:
    """The first few rows; none where the head is no csv."""
    csv.field_size_limit(1 << 30)
    if len(delimiter) > 1:
        return [line.split(delimiter) for line in head.splitlines()[:20] if line]
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, quotechar=quote or None,
                        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE, doublequote=escape == quote,
                        escapechar=None if escape == quote else escape)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
            if len(rows) >= 20:
                break
    except csv.Error:
        pass
    return rows


def _has_header(rows: list[list[str]]) -> bool:
    """A first row of names: text, without numbers and dates."""
    if not rows:
        return True
    return not any(re.fullmatch(FLOAT, one.strip()) or re.match(r"\d{1,4}[-/.:]\d", one.strip())
                   for one in rows[0]) and any(one.strip() for one in rows[0])


def column_names(first: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Each name once, compared without case, since here case does not tell columns apart."""
    taken = {one.strip().casefold() for one in first}
    names: list[str] = []
    renamed: list[str] = []
    seen: set[str] = set()
    for position, one in enumerate(first):
        name = one.strip() or f"column{position}"
        if name.casefold() in seen or not one.strip():
            base, number = name, 1
            while name.casefold() in seen or (name != base and name.casefold() in taken):
                name, number = f"{base}_{number}", number + 1
            renamed.append(name)
        seen.add(name.casefold())
        names.append(name)
    return tuple(names), tuple(renamed)


def decoded(path: Path, encoding: str, folder: Path) -> Path:
    """The file in UTF-8, written beside as a stream. Raises SourceError naming the line that is in another encoding."""
    target = folder / f"{len(list(folder.iterdir()))}-{path.name}".removesuffix(".gz").removesuffix(".zst")
    line = 1
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        with open_packed(path) as source, open(target, "w", encoding="utf-8", newline="") as out:
            while True:
                block = source.read(1 << 20)
                piece = decoder.decode(block, final=not block)
                out.write(piece)
                line += piece.count("\n")
                if not block:
                    break
    except UnicodeDecodeError as error:
        start = max(0, error.start - 40)
        line += error.object[:error.start].count(b"\n")
        raise SourceError(f"{path}, line {line}: the text is not {encoding}.", file=str(path), line=line,
                          hint=suggestion(bytes(error.object[start:error.end + 200]))) from error
    except (OSError, EOFError, ValueError) as error:
        raise SourceError(f"{path} can't be read: {error}", hint="Was it packed or copied to its end?") from error
    return target


def suggestion(piece: bytes) -> str:
    """The encoding to try for bytes that are no UTF-8."""
    for encoding in ("utf-8", "windows-1252", "latin-1"):
        try:
            piece.decode(encoding)
            return f"Say how it is written: --option encoding={encoding}"
        except UnicodeDecodeError:
            continue
    return "Say how it is written: --option encoding=NAME"
