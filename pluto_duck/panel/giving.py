"""`export`: a table or a SELECT as a file of the workspace, or of the browser."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Refused, UsageError
from pluto_duck.panel.filing import inside
from pluto_duck.panel.loading import EVERY_S
from pluto_duck.panel.protocol import Request

if TYPE_CHECKING:
    from pluto_duck.commands.workbench import Workbench
    from pluto_duck.ingest import Progress
    from pluto_duck.panel.desk import Desk

PART = 512 * 1024
MOST = 64 * 2**20
"""Bytes that a browser is sent: all of it lies in its memory. More goes into the workspace."""


def export(desk: Desk, request: Request, session: Workbench) -> None:
    """With `target` into that file of the workspace; without, its bytes come in `part` frames."""
    from pluto_duck.ingest.export import FORMATS

    kind = request.text("format", "")
    if kind and (kind not in FORMATS or kind == "postgres"):
        raise UsageError(f"There is no format {kind!r}.", hint=f"One of {', '.join(FORMATS[:-1])}.")
    target = request.text("target", "")
    if target:
        path = inside(session.workspace.root, target)
        if path.exists() and not request.flag("overwrite"):
            raise Refused(f"{target} is there already.", hint="Give another name, or let it take its place.")
        path.parent.mkdir(parents=True, exist_ok=True)
        done = _write(desk, request, session, path, kind)
        request.reply("exported", end=True, target=path.relative_to(session.workspace.root).as_posix(), **done)
        return
    with tempfile.TemporaryDirectory(prefix="pluto-duck-") as folder:
        path = Path(folder) / f"export.{kind or 'csv'}"
        done = _write(desk, request, session, path, kind or "csv")
        if done["bytes"] > MOST:
            raise Refused(f"That file has {done['bytes'] / 1e6:,.0f} MB, more than a browser should be handed at once.",
                          hint="Write it into the workspace instead, or take parquet, which is smaller.")
        with path.open("rb") as file:
            while data := file.read(PART):
                request.reply("part", buffers=(data,))
    request.reply("exported", end=True, target="", **done)


def _write(desk: Desk, request: Request, session: Workbench, path: Path, kind: str) -> dict[str, Any]:
    from pluto_duck.commands.asking import recorded
    from pluto_duck.ingest.export import export as write
    from pluto_duck.panel.looking import named

    told = [0.0]

    def tell(progress: Progress) -> None:
        if time.monotonic() - told[0] >= EVERY_S:
            told[0] = time.monotonic()
            request.reply("progress", rows=progress.rows)

    is_query = "sql" in request.frame
    what = request.text("sql") if is_query else named(desk, session, request.text("table"))
    done = recorded(session, "export", what, lambda: write(
        session, what, path, format=kind or None, query=is_query, overwrite=request.flag("overwrite"),
        namespace=desk.namespace(), on_progress=tell))
    return {"rows": done.row_count, "bytes": done.bytes, "format": done.format, "elapsed_s": done.elapsed_s,
            "notices": list(done.notices)}
