"""`make bench`: prints the table of numbers and writes RESULTS.md. Fails nothing: it informs."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import pytest

from tests.benchmarks.table import HEAD

RESULTS = Path(__file__).parent / "RESULTS.md"
START, END = "<!-- bench -->", "<!-- /bench -->"


def write_section(start: str, end: str, body: str) -> None:
    """Replaces one marked part of RESULTS.md; `make bench` and `make soak` each own one."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Numbers seen\n"
    if start in text:
        head, _, rest = text.partition(start)
        text = head + f"{start}\n{body}\n{end}" + rest.partition(end)[2]
    else:
        text = text.rstrip() + f"\n\n{start}\n{body}\n{end}\n"
    RESULTS.write_text(text, encoding="utf-8")


def machine() -> str:
    import duckdb

    return (f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"DuckDB {duckdb.__version__}, {time.strftime('%Y-%m-%d')}")


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_numbers() -> None:
    from tests.benchmarks.measures import all_rows

    lines = []
    for row in all_rows():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section(START, END, f"## `make bench`\n{machine()}. Medians; ours and the peer in turns in one run.\n\n"
                  + HEAD + "\n" + "\n".join(lines))
    assert lines


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_loads() -> None:
    from tests.benchmarks.loads import all_loads

    lines = []
    for row in all_loads():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section("<!-- bench-loads -->", "<!-- /bench-loads -->",
                  f"## `make bench`: ingest\n{machine()}. Each load in a process of its own; medians, in turns.\n\n"
                  + HEAD + "\n" + "\n".join(lines))
    assert lines


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_edges() -> None:
    from tests.benchmarks.edges import table_of

    lines = []
    for line in table_of():
        print(line, flush=True)
        lines.append(line)
    write_section("<!-- bench-edges -->", "<!-- /bench-edges -->",
                  f"## Values at the edge: PostgreSQL into DuckDB\n{machine()}. Bold: changed without a word.\n\n"
                  + "\n".join(lines))
    assert not [line for line in lines[2:] if "**" in "|".join(line.split("|")[3:6])]


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_values() -> None:
    from tests.benchmarks.values import value_rows

    lines = []
    for row in value_rows():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section("<!-- bench-values -->", "<!-- /bench-values -->",
                  f"## `make bench`: the value index\n{machine()}. One run, each process new.\n\n"
                  + HEAD.replace("peer, same run", "beside it") + "\n" + "\n".join(lines))
    assert lines


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_sidebar() -> None:
    from tests.benchmarks.sidebar import sidebar_rows

    lines = []
    for row in sidebar_rows():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section("<!-- bench-sidebar -->", "<!-- /bench-sidebar -->",
                  f"## `make bench`: the sidebar\n{machine()}. JupyterLab and a headless Chromium on the same machine.\n\n"
                  + HEAD.replace("peer, same run", "beside it") + "\n" + "\n".join(lines))
    assert lines


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_server() -> None:
    from tests.benchmarks.server import server_rows
    from tests.benchmarks.server_load import client

    lines = []
    for row in server_rows():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section("<!-- bench-server -->", "<!-- /bench-server -->",
                  f"## `make bench`: the server\n{machine()}. Loopback, the client ({client()}) on the same cores; medians, ours "
                  "and the peers in turns.\n\n" + HEAD + "\n" + "\n".join(lines))
    assert lines


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_reader() -> None:
    from tests.benchmarks.server_reader import reader_rows

    table = [one.line() for one in reader_rows()]
    print("\n".join([HEAD, *table]))
    write_section("<!-- bench-reader -->", "<!-- /bench-reader -->",
                  f"## `make bench`: SQL of keys\n{machine()}. Snapshots of both in turns; medians of three.\n\n"
                  + "\n".join([HEAD, *table]))


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_following() -> None:
    from tests.benchmarks.following import all_rows

    lines = []
    for row in all_rows():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section("<!-- bench-follow -->", "<!-- /bench-follow -->",
                  f"## `make bench`: following a PostgreSQL\n{machine()}. A backlog applied from beginning to end, server and "
                  f"follower on the same cores; load average at the end: {os.getloadavg()[0]:.1f}.\n\n" + HEAD + "\n"
                  + "\n".join(lines))
    assert lines


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_sinks() -> None:
    from tests.benchmarks.sinks import all_rows

    lines = []
    for row in all_rows():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section("<!-- bench-sinks -->", "<!-- /bench-sinks -->",
                  f"## `make bench`: sinks of changes\n{machine()}. Broker (noida-db), relay and reader on the same cores; "
                  f"load average at the end: {os.getloadavg()[0]:.1f}.\n\n" + HEAD + "\n" + "\n".join(lines))
    assert lines


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_schedules() -> None:
    from tests.benchmarks.schedules import all_rows

    lines = []
    for row in all_rows():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section("<!-- bench-schedules -->", "<!-- /bench-schedules -->",
                  f"## `make bench`: schedules\n{machine()}. Cpu time of the process that runs them; load average at the end: "
                  f"{os.getloadavg()[0]:.1f}.\n\n" + HEAD + "\n" + "\n".join(lines))
    assert lines


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_journaling() -> None:
    from tests.benchmarks.journaling import all_rows, loads

    lines, before = [], loads()
    for row in all_rows():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section("<!-- bench-journal -->", "<!-- /bench-journal -->",
                  f"## `make bench`: the Journal\n{machine()}. Through a Session, tracked and untracked in turns; tables of "
                  f"100,000 rows with a primary key; load average {before} before and {loads()} after.\n\n" + HEAD + "\n"
                  + "\n".join(lines))
    assert lines


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_feed() -> None:
    from tests.benchmarks.feed import all_rows

    lines = []
    for row in all_rows():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section("<!-- bench-feed -->", "<!-- /bench-feed -->",
                  f"## `make bench`: changes to readers\n{machine()}. `pluto-duck serve` hosts, the writer is its guest; load "
                  f"average at the end: {os.getloadavg()[0]:.1f}.\n\n" + HEAD + "\n" + "\n".join(lines))
    assert lines


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_transforming() -> None:
    from tests.benchmarks.transforming import all_rows

    lines, before = [], os.getloadavg()[0]
    for row in all_rows():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section("<!-- bench-dbt -->", "<!-- /bench-dbt -->",
                  f"## `make bench`: dbt\n{machine()}. 50 models over 300,000 rows, whole commands from start to end, in turns; "
                  f"load average {before:.1f} before and {os.getloadavg()[0]:.1f} after.\n\n" + HEAD + "\n" + "\n".join(lines))
    assert lines


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_checks() -> None:
    from tests.benchmarks.checks import all_rows

    lines, before = [], os.getloadavg()[0]
    for row in all_rows():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section("<!-- bench-checks -->", "<!-- /bench-checks -->",
                  f"## `make bench`: checks\n{machine()}. A whole scan through a Session against the same aggregates as one bare "
                  f"statement, in turns (BENCH_CHECK_ROWS). Below it loads with their checks against the same loads without "
                  f"(BENCH_CHECK_LOADED); load average {before:.1f} before and {os.getloadavg()[0]:.1f} after.\n\n"
                  + HEAD + "\n" + "\n".join(lines))
    assert lines


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_views() -> None:
    from tests.benchmarks.views import all_rows

    lines, before = [], os.getloadavg()[0]
    for row in all_rows():
        print(row.line(), flush=True)
        lines.append(row.line())
    write_section("<!-- bench-views -->", "<!-- /bench-views -->",
                  f"## `make bench`: views\n{machine()}. A refresh after 1 % more rows from the changes alone, and the same view made "
                  f"anew, in turns (BENCH_VIEW_ROWS); load average {before:.1f} before and {os.getloadavg()[0]:.1f} after.\n\n"
                  + HEAD + "\n" + "\n".join(lines))
    assert lines
