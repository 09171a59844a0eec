"""Files that are not what they should be."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from pluto_duck.errors import PlutoError, SourceError, StatementError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.connectors.file import FileConnector
from pluto_duck.session import Session
from pluto_duck.workspace import create


def test_a_line_of_megabytes_is_a_value(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,c\n1,x\n2," + "y" * 5_000_000 + "\n3,z\n")
    ingest(session, str(tmp_path / "t.csv"))
    assert session.query("SELECT id, length(c) FROM t").rows() == [(1, 1), (2, 5_000_000), (3, 1)]


def test_a_last_line_longer_than_a_buffer_is_not_left_out(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,c\n1,x\n2," + "y" * 40_000_000)
    ingest(session, str(tmp_path / "t.csv"))
    assert session.query("SELECT id, length(c) FROM t").rows() == [(1, 1), (2, 40_000_000)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_line_without_end_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    import subprocess

    path = tmp_path / "t.csv"
    with open(path, "wb") as file:
        file.write(b"id,c\n1,x\n2,")
        file.truncate(2 << 30)  # sparse: 2 GB of NUL bytes
    code = ("import sys\n"
            "from pluto_duck.errors import SourceError\n"
            "from pluto_duck.ingest.connectors.file import FileConnector\n"
            "with FileConnector(sys.argv[1]) as c:\n"
            "    try:\n"
            "        [t] = c.discover(); c.read(t).read_all()\n"
            "    except SourceError as error: print(error.message)\n"
            "print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')))")
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    said, peak = done.stdout.splitlines()
    assert said.endswith("the last line is longer than 128 MiB.")
    assert int(peak) < 400_000  # KiB


@pytest.mark.parametrize("name", ["t.csv.gz", "t.ndjson.gz"])
def test_a_gzip_that_ends_early_leaves_the_old_table(name: str, session: Session, tmp_path: Path) -> None:
    rows = b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * 7919 % 10007) for i in range(100_000))
    if "json" in name:
        rows = b"".join(b'{"a": %d}\n' % i for i in range(100_000))
    packed = gzip.compress(rows)
    (tmp_path / name).write_bytes(packed)
    assert ingest(session, str(tmp_path / name)).rows == 100_000
    (tmp_path / name).write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SourceError, match=r"t\."):
        ingest(session, str(tmp_path / name))
    assert session.query("SELECT count(*) FROM t").rows() == [(100_000,)]


def test_zstd_is_unpacked(session: Session, tmp_path: Path) -> None:
    import pyarrow

    (tmp_path / "t.csv.zst").write_bytes(pyarrow.compress(b"a,b\n1,x\n", "zstd", asbytes=True))
    ingest(session, str(tmp_path / "t.csv.zst"))
    assert session.query("SELECT * FROM t").rows() == [(1, "x")]


@pytest.mark.parametrize(("name", "start", "said"), [
    ("t.csv", b"<!DOCTYPE html><html>", "web page"), ("t.csv", b"PK\x03\x04", "spreadsheet"), ("t.csv", b"", "empty"),
    ("t.csv", b"PAR1xxxx", "parquet"), ("t.json", b"{not json", "can't be read"), ("t.csv", b"\x1f\x8b\x08", "packed"),
    ("t.csv", b"\n\n\n", "no row")])
def test_what_only_has_the_name_is_told(name: str, start: bytes, said: str, session: Session, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(start)
    with pytest.raises(SourceError, match=said):
        ingest(session, str(tmp_path / name))


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no POSIX permissions here")
def test_a_file_that_may_not_be_read_is_told(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")
    path.chmod(0)
    if os.geteuid() == 0:  # root reads everything: the system's own refusal stands in
        import builtins

        real = builtins.open

        def refuse(file: object, *rest: object, **more: object) -> object:
            if str(file) == str(path):
                raise PermissionError(13, "Permission denied")
            return real(file, *rest, **more)  # type: ignore[call-overload]

        monkeypatch.setattr(builtins, "open", refuse)
    with pytest.raises(SourceError, match="Permission denied"):
        ingest(session, str(path))


def test_a_file_that_vanishes_or_grows_between_look_and_load_is_told(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for change in (path.unlink, lambda: path.write_text("a\n1\n2\n")):
        path.write_text("a\n1\n")
        with FileConnector(str(path)) as connector:
            [table] = connector.discover()
            change()
            with pytest.raises(SourceError, match=r"t\.csv"):
                connector.read(table).read_all()
            with pytest.raises(SourceError, match=r"t\.csv"):
                connector.finish(table)


def test_a_macro_of_the_users_changes_nothing(session: Session, tmp_path: Path) -> None:
    for macro in ("strlen(x) AS 0", "error(x) AS 0", "regexp_full_match(a, b) AS true", "contains(a, b) AS false"):
        session.query(f"CREATE MACRO {macro}")
    (tmp_path / "t.csv").write_text("a\n" + "1.5\n" * 21_000 + "007.5\n")
    ingest(session, str(tmp_path / "t.csv"))
    assert session.query("SELECT max(a) FROM t").rows() == [("1.5",)]


@pytest.mark.parametrize("name", ["it's", 'quo"te', "鴨 ünï", "st*r [x] ?", "select", "x" * 63, "a;b--c"])
def test_any_name_of_a_file_is_a_name(name: str, session: Session, tmp_path: Path) -> None:
    (tmp_path / f"{name}.csv").write_text('"a""b",é\n1,2\n')
    try:
        report = ingest(session, str(tmp_path / f"{name}.csv"))
    except PlutoError as error:  # pragma: no cover
        raise AssertionError(error.message) from error
    assert [(t.ref.name, t.rows) for t in report.tables] == [(name, 1)]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000,
                                  '[{"a": "]]]]"}, ' * 300, '{"\\"[": "x\\\\", "b": [' * 300])
def test_json_that_is_nested_without_end_is_refused(text: str, session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(SourceError) as caught:
        ingest(session, str(tmp_path / "t.json"))
    assert caught.value.message == f"{tmp_path}/t.json: lists and objects are nested more than 200 levels deep."


@pytest.mark.parametrize("name", ["t.ndjson", "t.ndjson.gz"])
def test_brackets_in_strings_are_no_depth(name: str, session: Session, tmp_path: Path) -> None:
    record = r'{"a": "\\", "b": "[[[\"{", "c": "\"[", "d": [{"e": ""}], "f": "' + "{" * 300 + '"}\n'
    made = (record * 5_000).encode()  # more than a block
    (tmp_path / name).write_bytes(gzip.compress(made, 1) if name.endswith("gz") else made)
    assert ingest(session, str(tmp_path / name)).rows == 5_000


@pytest.mark.parametrize("start", [b"", b"id,c\n1,x\n2,"])
def test_a_packed_line_without_end_is_refused(start: bytes, session: Session, tmp_path: Path) -> None:
    piece = gzip.compress(b"y" * (1 << 26), 1)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(start) + piece * 48)  # 3 GB
    with pytest.raises(SourceError) as caught:
        ingest(session, str(tmp_path / "t.csv.gz"))
    assert caught.value.message == f"{tmp_path}/t.csv.gz: a line is longer than 128 MiB."


def test_a_packed_last_line_of_megabytes_is_not_left_out(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"id,c\n1,x\n2," + b"y" * 40_000_000, 1))
    ingest(session, str(tmp_path / "t.csv.gz"))
    assert session.query("SELECT id, length(c) FROM t").rows() == [(1, 1), (2, 40_000_000)]


def test_a_csv_of_more_columns_than_a_table_can_bear_is_refused(session: Session, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",".join(f"c{i}" for i in range(20_000)) + "\n" + ",".join(["1"] * 20_000) + "\n")
    with pytest.raises(SourceError, match=r"t\.csv has 20,000 columns; at most 10,000 can be read"):
        ingest(session, str(tmp_path / "t.csv"))


def test_a_parquet_of_more_columns_than_a_table_can_bear_is_refused(session: Session, tmp_path: Path) -> None:
    one = pyarrow.array([1])
    parquet.write_table(pyarrow.table({f"c{i}": one for i in range(10_001)}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match=r"t\.parquet has 10,001 columns; at most 10,000 can be read"):
        ingest(session, str(tmp_path / "t.parquet"))


def test_a_value_that_memory_can_t_hold_is_told_in_our_words(tmp_path: Path) -> None:
    """A few kilobytes that unpack to one value of 150 MB."""
    value = pyarrow.array(["y" * 150_000_000], pyarrow.large_string())
    parquet.write_table(pyarrow.table({"a": value}), tmp_path / "t.parquet", compression="zstd", use_dictionary=False)
    with Session.open(create(tmp_path / "w").root, duckdb__memory_limit="200MB") as small:
        with pytest.raises(StatementError) as caught:
            ingest(small, str(tmp_path / "t.parquet"))
        assert "Out of Memory" in caught.value.message
        assert "SET " not in caught.value.message
        assert "PLUTODUCK_DUCKDB__MEMORY_LIMIT" in caught.value.hint
        assert small.tables() == []
