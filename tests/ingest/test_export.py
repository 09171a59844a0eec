"""Out again: whole or not at all, exact or said, from host and guest alike."""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from pluto_duck.errors import Cancelled, ColumnRefused, PlutoError, Refused, TargetError, UnknownName, UsageError
from pluto_duck.ingest import LoadOptions
from pluto_duck.ingest.export import excel, export
from pluto_duck.ingest.export.kinds import parse
from pluto_duck.ingest.export.rows import rows_of
from pluto_duck.session import Session

EDGES = {
    "HUGEINT": "12345678901234567890123456789012345678", "BIGNUM": "12345678901234567890123456789012345678901234567890",
    "UBIGINT": "18446744073709551615", "DECIMAL(38,10)": "1234567890123456789012345678.0123456789",
    "DOUBLE": "0.30000000000000004", "FLOAT": "0.1", "TIMETZ": "12:00:00.123456+05:30", "TIME": "24:00:00",
    "TIMESTAMP": "infinity", "TIMESTAMPTZ": "2024-01-01 00:00:00.123456+00", "TIMESTAMP_NS": "2024-01-01 00:00:00.123456789",
    "DATE": "0044-03-15 (BC)", "INTERVAL": "1 year 2 days 00:00:00.123456", "UUID": "b1a0c2de-0000-4000-8000-000000000001",
    "BLOB": "\\x00\\xFFa", "BIT": "010101", "VARCHAR": "a,\"b\n\\'\t=1+1", "INTEGER[]": "[1, NULL, 3]",
    "STRUCT(a DECIMAL(38,10), \"b c\" VARCHAR)": "{'a': 1234567890123456789012345678.0123456789, 'b c': x}",
    "MAP(INTEGER, DECIMAL(20,2))": "{1=2.50}", "HUGEINT[]": "[12345678901234567890123456789012345678]",
    "TIMETZ[]": "['12:00:00+05:30']", "INTERVAL[]": "['00:00:00.123456']",
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def _here() -> list[str]:
    return sorted(os.listdir("."))


@pytest.mark.parametrize("kind", EDGES)
def test_no_value_changes_on_its_way_into_a_file(session: Session, kind: str) -> None:
    session.query(f"CREATE TABLE t AS SELECT '{EDGES[kind].replace(chr(39), chr(39) * 2)}'::{kind} AS v UNION ALL SELECT NULL")
    said = session.query("SELECT v::VARCHAR FROM t ORDER BY v IS NULL").rows()
    for name in ("t.parquet", "t.arrow"):
        export(session, "t", name)
    import pyarrow.ipc

    frame = pyarrow.ipc.open_file("t.arrow").read_all()
    for source in ("'t.parquet'", "frame"):
        back = session.query(f"SELECT v::{kind}::VARCHAR FROM {source} ORDER BY v IS NULL", namespace={"frame": frame})
        assert back.rows() == said, source
    for name in ("t.csv", "t.tsv"):
        export(session, "t", name)
        back = session.query(f"SELECT v::{kind}::VARCHAR FROM read_csv('{name}', all_varchar = true, header = true, delim = "
                             f"'{',' if name == 't.csv' else chr(9)}', allow_quoted_nulls = false) ORDER BY v IS NULL")
        assert back.rows() == said, name


def test_columns_that_stand_as_text_are_named(session: Session) -> None:
    done = export(session, "SELECT 1 AS a, INTERVAL 1 DAY AS b, ['12:00:00+01'::TIMETZ] AS c", "t.parquet")
    assert done.notices == ("b stands as text: Parquet has no exact place for INTERVAL.",
                            "c stands as text: Parquet has no exact place for TIME WITH TIME ZONE[].")
    with pytest.raises(ColumnRefused, match="u "):
        export(session, "SELECT 1::UNION(n INTEGER, s VARCHAR) AS u", "u.parquet")
    with pytest.raises(PlutoError) as refused:
        export(session, "SELECT 170141183460469231731687303715884105727::HUGEINT AS h", "h.parquet")
    assert "--sql" in refused.value.hint
    assert _here() == ["t.parquet"]


def test_json_is_json_and_keeps_every_digit(session: Session) -> None:
    sql = ("SELECT 1.5::DOUBLE AS a, 'nan'::DOUBLE AS b, [1.5, 'inf'::DOUBLE, NULL] AS c, {'x': 'nan'::FLOAT, 'y z': 1} AS d, "
           "MAP {'k': '-inf'::DOUBLE} AS e, 12345678901234567.25::DECIMAL(20,2) AS f, 1.25::DECIMAL(5,2) AS g, "
           "[[{'deep': ['nan'::DOUBLE]}]] AS h, NULL::DOUBLE AS i")
    export(session, sql, "t.json")
    export(session, f"{sql} FROM range(2)", "t.ndjson")
    row = {"a": 1.5, "b": "nan", "c": [1.5, "inf", None], "d": {"x": "nan", "y z": 1}, "e": {"k": "-inf"},
           "f": "12345678901234567.25", "g": 1.25, "h": [[{"deep": ["nan"]}]], "i": None}

    def strict(constant: str) -> None:
        raise ValueError(constant)

    assert json.loads(Path("t.json").read_text(), parse_constant=strict) == [row]
    assert [json.loads(line, parse_constant=strict) for line in Path("t.ndjson").read_text().splitlines()] == [row, row]


def test_our_own_csv_comes_back_equal(session: Session) -> None:
    from pluto_duck.ingest import ingest

    session.query("CREATE TABLE t AS SELECT * FROM (VALUES (1, NULL, 1.5, DATE '2024-01-01'), (2, 'y', NULL, NULL), "
                  "(3, 'a,\"b\nc', -2.0, DATE '1900-01-01'), (4, 'NULL', 0.0, NULL), (5, ' x ', 1e300, NULL)) t(n, s, d, day)")
    Path("t.csv").write_bytes(b"")
    export(session, "t", "t.csv", overwrite=True)
    assert Path("t.csv").read_text().splitlines()[:3] == ["n,s,d,day", "1,,1.5,2024-01-01", "2,y,,"]
    ingest(session, "t.csv", LoadOptions(into="back"))
    assert session.query("SELECT * FROM back ORDER BY n").rows() == session.query("SELECT * FROM t ORDER BY n").rows()


def test_an_empty_text_is_no_null_when_it_comes_back(session: Session) -> None:
    from pluto_duck.ingest import ingest

    session.query("CREATE TABLE t AS SELECT * FROM (VALUES (1, NULL), (2, ''), (3, 'x')) t(n, s)")
    export(session, "t", "t.csv")
    assert Path("t.csv").read_text() == 'n,s\n1,\n2,""\n3,x\n'
    ingest(session, "t.csv", LoadOptions(into="back"))
    assert session.query("FROM back ORDER BY n").rows() == session.query("FROM t ORDER BY n").rows()


def test_partitions_packing_and_what_is_told_by_the_ending(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT range AS n, range % 3 AS p, CASE range % 2 WHEN 0 THEN 'a/b' END AS q FROM range(100)")
    done = export(session, "t", "parts", format="parquet", partition_by=["P", "q"])
    assert done.row_count == 100
    assert done.bytes > 0
    assert sorted(os.listdir("parts")) == ["p=0", "p=1", "p=2"]
    back = session.query("SELECT sum(n), count(q) FROM read_parquet('parts/**/*.parquet', hive_partitioning = true)").rows()
    assert back == [(4950, 50)]
    with pytest.raises(Refused, match="there already"):
        export(session, "t", "parts", format="parquet", partition_by=["p"])
    export(session, "t", "parts", format="parquet", partition_by=["p"], overwrite=True)
    assert sorted(os.listdir("parts/p=0")) == ["data_0.parquet"]
    (Path("parts") / "letter.txt").write_text("dear")
    with pytest.raises(Refused, match="no export made"):
        export(session, "t", "parts", format="parquet", partition_by=["p"], overwrite=True)
    for name, start in (("t.csv.gz", b"\x1f\x8b"), ("t.ndjson.zst", b"\x28\xb5"), ("t.parquet", b"PAR1")):
        export(session, "t", name)
        assert Path(name).read_bytes().startswith(start)
        assert session.query(f"SELECT count(*) FROM '{name}'").scalar() == 100
    assert _here() == ["parts", "t.csv.gz", "t.ndjson.zst", "t.parquet"]


@pytest.mark.parametrize(("what", "target", "options", "kind"), [
    ("nope", "t.csv", {}, UnknownName), ("t", "t.doc", {}, UsageError), ("t", "no/where/t.csv", {}, UsageError),
    ("t", "s3://bucket/t.csv", {}, UsageError), ("t", "t.csv", {"compression": "snappy"}, UsageError),
    ("t", "t.csv", {"into": "x"}, UsageError), ("t", "t.xlsx", {"partition_by": ["n"]}, UsageError),
    ("t", "d", {"partition_by": ["x"], "format": "csv"}, UnknownName),
    ("t", "d", {"partition_by": ["n"], "format": "csv"}, UsageError), ("SELECT 1 AS a, 2 AS A", "t.csv", {}, UsageError),
    ("t", "folder", {"format": "csv", "overwrite": True}, Refused), ("SELECT FROM", "t.csv", {}, PlutoError),
    ("t", "pipe", {"format": "csv", "overwrite": True}, UsageError), ("t", "t.txt", {"format": "nope"}, UnknownName),
])
def test_what_makes_no_sense_is_refused_and_leaves_nothing(session: Session, what: str, target: str, options: dict,  # type: ignore[type-arg]
                                                           kind: type[PlutoError]) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS n")
    os.mkdir("folder")
    os.mkfifo("pipe")
    with pytest.raises(kind):
        export(session, what, target, **options)
    assert _here() == ["folder", "pipe"]


def test_the_database_itself_is_never_a_target(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS n")
    os.symlink(session.workspace.database, "t.csv")
    for target in (session.workspace.database, Path("t.csv")):
        with pytest.raises(Refused, match="own folder"):
            export(session, "t", target, format="csv", overwrite=True)
    assert session.query("SELECT count(*) FROM t").scalar() == 1


def test_gits_own_folder_is_never_a_target(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS n")
    os.makedirs(".git/hooks")
    os.symlink(".git/hooks", "elsewhere")
    for target in (".git/hooks/post-checkout.csv", "elsewhere/x.csv", ".git/x.parquet"):
        with pytest.raises(Refused, match="git's own folder"):
            export(session, "t", Path(target), format="csv", overwrite=True)
    assert os.listdir(".git/hooks") == []


def test_a_file_keeps_its_mode_and_a_link_its_place(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS n")
    os.umask(0o027)
    try:
        for name in ("t.csv", "t.xlsx", "t.arrow", "t.parquet"):
            export(session, "t", name)
            assert oct(os.stat(name).st_mode & 0o777) == "0o640", name
    finally:
        os.umask(0o022)
    os.chmod("t.csv", 0o600)
    os.symlink("t.csv", "link.csv")
    export(session, "SELECT 2 AS n", "link.csv", overwrite=True)
    assert Path("t.csv").read_text() == "n\n2\n"
    assert Path("link.csv").is_symlink()
    assert os.stat("t.csv").st_mode & 0o777 == 0o600


def test_a_guest_exports_too_and_its_paths_are_its_own(session: Session, tmp_path: Path) -> None:
    session.query("CREATE TABLE t AS SELECT range AS n FROM range(10)")
    (tmp_path / "there").mkdir()
    for name in ("t.csv", "t.parquet", "t.xlsx", "t.arrows", "t.json"):
        done = subprocess.run([sys.executable, "-m", "pluto_duck.cli", "-w", str(session.workspace.root), "export", "t", name],
                              cwd=tmp_path / "there", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"10 rows -> {tmp_path / 'there' / name}, ")
    assert sorted(os.listdir(tmp_path / "there")) == ["t.arrows", "t.csv", "t.json", "t.parquet", "t.xlsx"]
    assert _here() == []


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.xlsx", "t.arrow", "parts"])
def test_one_that_fails_or_is_cancelled_leaves_what_was_there(session: Session, name: str) -> None:
    how = {"format": "parquet", "partition_by": ["p"]} if name == "parts" else {}
    export(session, "SELECT 1 AS n, 2 AS p", name, **how)  # type: ignore[arg-type]
    before = _here()
    with pytest.raises(PlutoError):
        export(session, "SELECT CASE WHEN range = 99_999 THEN error('late') ELSE range END AS n, 1 AS p FROM range(100_000)",
               name, overwrite=True, **how)  # type: ignore[arg-type]
    stop = threading.Event()

    def cancel() -> None:
        while not stop.wait(0.05):
            session.interrupt()

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        with pytest.raises(Cancelled):
            export(session, "SELECT range AS n, range % 2 AS p, md5(range::VARCHAR) AS s FROM range(500_000_000)", name,
                   overwrite=True, **how)  # type: ignore[arg-type]
    finally:
        stop.set()
        thread.join()
    assert _here() == before
    source = "parts/**/*.parquet" if name == "parts" else name
    if name.endswith(("csv", "parquet", "parts")):
        assert session.query(f"SELECT n FROM '{source}'").rows() == [(1,)]


@pytest.mark.root
@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.xlsx", "t.arrow", "t.ndjson"])
def test_a_full_disk_leaves_nothing(session: Session, name: str) -> None:
    os.mkdir("small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "small"], check=True)
    try:
        with pytest.raises(TargetError, match="small"):
            export(session, "SELECT range AS n, md5(range::VARCHAR) AS s FROM range(60_000)", f"small/{name}")
        assert os.listdir("small") == []
        export(session, "SELECT 1 AS n", f"small/{name}")
    finally:
        subprocess.run(["umount", "small"], check=True)


_FLAT = """
import re, resource, sys
from pathlib import Path
from pluto_duck.session import Session
from pluto_duck.ingest.export import export

def peak():  # where it can be told, without the peak of the process that started this one
    status = Path("/proc/self/status")
    return int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) if status.exists() else \
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

with Session.open(sys.argv[1], duckdb__memory_limit="200MB", duckdb__threads=1) as session:
    for name in sys.argv[2:]:
        export(session, "SELECT * FROM t LIMIT 1000", f"warm.{name}")
    before = peak()
    for name in sys.argv[2:]:
        export(session, "t", name)
        print(peak() - before)
"""


def test_memory_is_flat_whatever_the_size(session: Session) -> None:
    names = ["t.csv", "t.arrow", "t.parquet", "t.ndjson"]
    assert resource.RUSAGE_SELF == 0
    session.query("CREATE TABLE t AS SELECT range AS n, md5(range::VARCHAR) AS s, range / 7 AS d FROM range(2_000_000)")
    session.close()
    done = subprocess.run([sys.executable, "-c", _FLAT, str(session.workspace.root), *names], capture_output=True, text=True,
                          check=True)
    peaks = dict(zip(names, map(int, done.stdout.split()), strict=True))
    assert max(peaks.values()) < 200_000, f"kilobytes more than for a thousand rows; the rows alone are 120,000: {peaks}"
    assert all(os.path.getsize(name) > 40_000_000 for name in names)


# -- Excel ---------------------------------------------------------------------------------------------


def _sheet(name: str, sheet: str | None = None) -> list[tuple[object, ...]]:
    import openpyxl
    from openpyxl.utils.escape import unescape

    book = openpyxl.load_workbook(name)
    return [tuple(unescape(cell.value) if isinstance(cell.value, str) else cell.value for cell in row) for row in (book[sheet] if sheet else book.active).iter_rows()]


def test_excel_holds_dates_as_dates_and_text_as_text(session: Session) -> None:
    done = export(session, "SELECT 1 AS i, true AS b, 12.50::DECIMAL(10,2) AS d, 0.30000000000000004::DOUBLE AS f, '007' AS s, "
                           "'=1+1' AS evil, 'http://x.y' AS url, DATE '2024-02-29' AS day, TIMESTAMP '2024-02-29 12:34:56.789' AS at, "
                           "TIME '12:34:56' AS t, '2024-01-01 00:00:00+02'::TIMESTAMPTZ AS tz, [1, 2] AS l, NULL AS nothing, "
                           "'' AS empty, ' a\nb<&>' AS odd, '_x0001_\x01' AS control, INTERVAL 1 DAY AS iv, '\\x00'::BLOB AS blob, "
                           "'b1a0c2de-0000-4000-8000-000000000001'::UUID AS u", "t.xlsx")
    header, row = _sheet("t.xlsx")
    assert header[:3] == ("i", "b", "d")
    assert row == (1, True, 12.5, 0.30000000000000004, "007", "=1+1", "http://x.y", dt.datetime(2024, 2, 29),
                   dt.datetime(2024, 2, 29, 12, 34, 56, 789000), dt.time(12, 34, 56), dt.datetime(2023, 12, 31, 22), "[1, 2]",
                   None, "", " a\nb<&>", "_x0001_\x01", "1 day", "\\x00", "b1a0c2de-0000-4000-8000-000000000001")
    assert done.notices == ("tz is in UTC: Excel knows no time zones.",)
    import openpyxl

    cells = {cell.value: cell for cell in openpyxl.load_workbook("t.xlsx").active[2]}
    assert cells["=1+1"].data_type == "s"
    assert cells["http://x.y"].hyperlink is None


def test_what_excel_would_round_stands_as_text_and_is_named(session: Session) -> None:
    done = export(session, "SELECT * FROM (VALUES (9007199254740993, 1234567890123456.78::DECIMAL(18,2), 'nan'::DOUBLE, "
                           "DATE '1899-12-31', TIMESTAMP 'infinity'), (5, 1.25, 2.5, DATE '1900-03-01', "
                           "TIMESTAMP '9999-12-31 23:59:59')) t(i, d, f, day, moment)", "t.xlsx")
    _header, first, second = _sheet("t.xlsx")
    assert first == ("9007199254740993", "1234567890123456.78", "nan", "1899-12-31", "infinity")
    assert second == (5, 1.25, 2.5, dt.datetime(1900, 3, 1), dt.datetime(9999, 12, 31, 23, 59, 59))
    assert [one.split(":")[0] for one in done.notices] == ["i", "d", "f", "day", "moment"]


def test_every_double_and_microsecond_survives_excel(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT sqrt(range) * 1e10 AS f, TIMESTAMP '2024-01-01' + INTERVAL (range * 7919) MICROSECOND AS moment "
                  "FROM range(3000)")
    export(session, "t", "t.xlsx")
    import zipfile
    from xml.etree import ElementTree

    with zipfile.ZipFile("t.xlsx") as book:
        tree = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    numbers = [float(str(one.text)) for one in tree.iter("{http://schemas.openxmlformats.org/spreadsheetml/2006/main}v")]
    rows = session.query("SELECT f, epoch_us(moment) FROM t").rows()
    assert numbers[0::2] == [row[0] for row in rows]
    assert [round((Decimal(one) - 25569) * 86_400_000_000) for one in numbers[1::2]] == [row[1] for row in rows]


def test_more_rows_than_a_sheet_holds_go_on_the_next(session: Session) -> None:
    rows = rows_of(session, "SELECT range AS n FROM range(25)")
    notices: list[str] = []
    assert excel.write(rows, Path("t.xlsx"), notices=notices, on_rows=lambda _count: None, max_rows=11) == 25
    assert [len(_sheet("t.xlsx", f"Sheet{i}")) for i in (1, 2, 3)] == [11, 11, 6]
    assert _sheet("t.xlsx", "Sheet3")[0] == ("n",)
    assert notices == ["The rows stand on 3 sheets: one holds 10 beside its header."]
    export(session, "SELECT 1 AS n WHERE false", "empty.xlsx")
    assert _sheet("empty.xlsx") == [("n",)]


def test_what_no_cell_or_sheet_holds_is_refused(session: Session) -> None:
    with pytest.raises(TargetError, match="40,000 letters"):
        export(session, "SELECT repeat('x', 40_000) AS s", "t.xlsx")
    with pytest.raises(UsageError, match="16,384 columns"):
        export(session, f"SELECT {', '.join(f'1 AS c{i}' for i in range(16_385))}", "t.xlsx")
    assert _here() == []


@pytest.mark.parametrize(("text", "shown"), [
    ("INTEGER", "INTEGER"), ("DECIMAL(18,3)[][3]", "DECIMAL(18,3)[][3]"),
    ("STRUCT(a DECIMAL(18,3), \"x, \"\"y\" MAP(VARCHAR, ENUM('a)', 'b''c')[]))",
     "STRUCT(\"a\" DECIMAL(18,3), \"x, \"\"y\" MAP(VARCHAR, ENUM('a)', 'b''c')[]))"),
    ("STRUCT(UTINYINT, TIME WITH TIME ZONE)", "STRUCT(UTINYINT, TIME WITH TIME ZONE)"),
    ("STRUCT(t TIMESTAMP WITH TIME ZONE)", 'STRUCT("t" TIMESTAMP WITH TIME ZONE)'), ('"NULL"', "NULL"),
])
def test_type_texts_are_taken_apart(text: str, shown: str) -> None:
    assert str(parse(text)) == shown


@pytest.mark.parametrize("sql", [
    "SELECT 1; DROP TABLE t", "WITH x AS (SELECT 1) DELETE FROM t RETURNING *", "INSERT INTO t VALUES (9) RETURNING *",
    "SELECT 1 AS a) TO 'x.csv'; DROP TABLE t; --", "EXPLAIN ANALYZE DELETE FROM t", "-- nothing", ""])
def test_an_export_runs_one_select_and_nothing_beside_it(session: Session, sql: str) -> None:
    session.query("CREATE TABLE t AS SELECT 1 AS n")
    with pytest.raises(PlutoError) as error:
        export(session, sql, "out.csv", query=True)
    assert error.value.code in ("refused", "statement")
    assert session.query("FROM t").rows() == [(1,)]
    assert _here() == []


def test_a_pivot_is_exported_or_refused_but_never_empty(session: Session) -> None:
    session.query("CREATE TABLE t AS SELECT range AS n, range % 2 AS p FROM range(4)")
    assert export(session, "PIVOT t ON p IN (0, 1) USING count(*)", "out.csv").row_count == 4
    with pytest.raises(PlutoError, match="PIVOT"):
        export(session, "PIVOT t ON p USING count(*)", "out2.csv")
    assert _here() == ["out.csv"]
