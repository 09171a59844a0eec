"""Letting go of what a load has written, while it goes on.

DuckDB keeps every page it wrote as long as there is memory: a load of 10 million rows ended with 250 MB of them, and
would have filled 80 % of the machine. Only a lower limit makes it let go, so the limit is lowered for an instant; and
only while nothing but loads is running, because nobody's statement must meet it.

A transaction of a gigabyte needs more: what it wrote is written once more with its end, and all of that would be in
memory at once. So the limit stays low until it has ended, or anybody else begins a statement.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from pluto_duck.errors import PlutoError
from pluto_duck.workspace.database import Cursor, Database

AT = 40 << 20
"""Bytes of pages that stand in the file, from which on it is worth while."""
KEEP = 16 << 20
"""Of them; what loads ask for meanwhile has this room, too."""


GOES = frozenset({"BASE_TABLE", "IN_MEMORY_TABLE", "TRANSACTION"})
"""What DuckDB can take to the disk; the second and third to its temporary files."""


class Trimming:
    """One for each open database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.gate = threading.Lock()
        """Whoever begins a statement goes through it."""
        self._holder: object = None
        """The session under whose low limit DuckDB works."""
        self._before = ""
        """The limit that then comes back."""
        self._room = 0
        """The largest that anybody asked for."""

    def trim(self, busy: Callable[[], bool], who: object, room: int = 0) -> None:
        """`room`: the limit stays low, for `who` alone."""
        if self._database.lent_natively:
            self.leave(who)
            return  # statements run there that nobody here knows of
        # On a thread of its own: a Ctrl-C must not come between the lower limit and the old one.
        thread = threading.Thread(target=self._trim, args=(busy, who, room), name="pluto-duck-trim", daemon=True)
        thread.start()
        thread.join()

    def close(self) -> None:
        """Before the last checkpoint: who wanted little memory used wants it there, too."""
        if self._room:
            self.trim(lambda: False, self, self._room)

    def meet(self, who: object) -> None:
        """Before a statement of `who`, at the gate."""
        if self._holder is not None and self._holder is not who:
            self._give_back()

    def leave(self, who: object) -> None:
        """`who` needs its low limit no more."""
        if self._holder is who:
            with self.gate:
                self._give_back()

    def _give_back(self) -> None:
        before, self._holder, self._before = self._before, None, ""
        if not before:
            return
        try:
            cursor = self._database.cursor()
        except PlutoError:
            return  # it has stopped
        try:
            cursor.execute(f"SET GLOBAL memory_limit = '{before}'")
        finally:
            cursor.close()

    def _trim(self, busy: Callable[[], bool], who: object, room: int) -> None:
        try:
            cursor = self._database.cursor()
        except PlutoError:
            return  # it has stopped (a full disk)
        try:
            with self.gate:
                if self._holder is not None:
                    self._give_back()
                if busy():
                    return
                if room:
                    self._hold(cursor, who, room)
                else:
                    _trim(cursor)
        except PlutoError:
            pass  # the pages are needed
        finally:
            cursor.close()

    def _hold(self, cursor: Cursor, who: object, room: int) -> None:
        self._room = max(self._room, room)
        used, before = _used(cursor)
        lower = sum(size for tag, size in used.items() if tag not in GOES) + room
        if before is None or lower >= in_bytes(before):
            return
        self._holder, self._before = who, before
        try:
            cursor.execute(f"SET GLOBAL memory_limit = '{lower // 1024}KiB'")
        except PlutoError:
            self._give_back()


def _used(cursor: Cursor) -> tuple[dict[str, int], str | None]:
    """Bytes by what they are used for, and the limit, to be set again."""
    used = {str(tag): int(size) for tag, size in cursor.fetchall(
        "SELECT tag, memory_usage_bytes FROM system.main.duckdb_memory()")}
    [(text,)] = cursor.fetchall("SELECT system.main.current_setting('memory_limit')")
    return used, written(str(text))


def _trim(cursor: Cursor) -> None:
    used, before = _used(cursor)
    pages = used.get("BASE_TABLE", 0)
    lower = sum(used.values()) - pages + KEEP
    if pages < AT or before is None or lower >= in_bytes(before):
        return
    try:
        cursor.execute(f"SET GLOBAL memory_limit = '{lower // 1024}KiB'")
    finally:
        cursor.execute(f"SET GLOBAL memory_limit = '{before}'")


def written(text: str) -> str | None:
    """A limit to set again what DuckDB calls 18.8 GiB: it cuts the next digit off, so that setting just that would
    come out as 18.7. None for what it never writes."""
    found = re.fullmatch(r"(\d+)(?:\.(\d))? (bytes|[KMGT]iB)", text)
    return f"{found[1]}.{found[2] or 0}5 {found[3]}" if found else None


def in_bytes(text: str) -> int:
    number, unit = text.split()
    return int(float(number) * 1024 ** ("bytes", "KiB", "MiB", "GiB", "TiB").index(unit))
