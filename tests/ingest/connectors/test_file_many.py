"""Many files, one table; rejected rows kept aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from pluto_duck.errors import SourceError, UsageError
from pluto_duck.ingest import ingest
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.session import Session


def _union(**options: str) -> LoadOptions:
    return LoadOptions(into="sales", options={"union": "true", **options})


def test_a_glob_becomes_one_table_by_the_names_of_columns(session: Session, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,amount\n1,1.5\n")
    (tmp_path / "b.csv").write_text("amount;id;note\n2,5;2;x\n")
    (tmp_path / "c.csv").write_text("ID,Amount\n3,7\n")
    ingest(session, str(tmp_path / "[ac].csv"), _union(filename="true"))
    assert session.query("SELECT id, amount, parse_filename(filename) FROM sales ORDER BY id").rows() == [
        (1, 1.5, "a.csv"), (3, 7.0, "c.csv")]
    ingest(session, str(tmp_path / "*.csv"), _union(decimal="."))
    assert session.query("SELECT * FROM sales ORDER BY id").rows() == [
        (1, "1.5", None), (2, "2,5", "x"), (3, "7", None)]


def test_a_late_file_with_other_values_widens_the_table(session: Session, tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number:02}.csv").write_text(f"zip,n\n{'00501' if number == 11 else 10000},{number}\n")
    ingest(session, str(tmp_path), _union())
    assert session.query("SELECT zip FROM sales WHERE n = 11").rows() == [("00501",)]


def test_a_partitioned_folder_has_its_partitions_as_columns(session: Session, tmp_path: Path) -> None:
    session.query(f"COPY (SELECT i AS id, 2020 + i % 3 AS year FROM range(9) r(i)) TO '{tmp_path / 'lake'}' "
                  "(FORMAT parquet, PARTITION_BY (year))")
    ingest(session, str(tmp_path / "lake"), _union())
    assert session.query("SELECT year, count(*) FROM sales GROUP BY year ORDER BY year").rows() == [
        (2020, 3), (2021, 3), (2022, 3)]


def test_json_and_parquet_files_are_joined_by_name_too(session: Session, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"id": 1}\n')
    (tmp_path / "b.json").write_text('[{"id": 2, "x": [1]}]')
    ingest(session, str(tmp_path / "*.*json"), _union())
    assert session.query("SELECT * FROM sales ORDER BY id").rows() == [(1, None), (2, [1])]
    (tmp_path / "c.csv").write_text("id\n1\n")
    with pytest.raises(UsageError, match="csv and json can't be one table"):
        ingest(session, str(tmp_path), _union())


def test_the_folder_is_one_table_when_into_names_one(session: Session, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("n\n1\n")
    ingest(session, str(tmp_path), LoadOptions(into="joined"))
    assert session.query("SELECT count(*) FROM joined").rows() == [(2,)]


BROKEN = 'id,name,n\n1,a,1\n2,"b\nb",2\n3,c\n\n4,d,x\n5,e,5,5\n6,f,6\n'


def test_rejected_rows_are_kept_with_file_line_column_reason_and_text(session: Session, tmp_path: Path) -> None:
    from pluto_duck.ingest.connectors.file import FileConnector

    path = tmp_path / "t.csv"
    path.write_text(BROKEN.replace("4,d,x\n", "".join(f"{i},d,{i}\n" for i in range(100, 21_000)) + "4,d,x\n"))
    last = 20_900 + 6
    with FileConnector(str(path)) as connector:
        connector.configure({"rejects": "keep"})
        [table] = connector.discover()
        assert [column.type for column in table.columns] == ["BIGINT", "VARCHAR", "BIGINT"]
        scan = connector.scan(table)
        assert scan is not None
        expected = [
            {"file": str(path), "line": 5, "column": None, "reason": "columns: 2 instead of 3", "text": "3,c"},
            {"file": str(path), "line": last + 1, "column": "n", "reason": "'x' is no BIGINT", "text": "4,d,x"},
            {"file": str(path), "line": last + 2, "column": None, "reason": "columns: 4 instead of 3", "text": "5,e,5,5"}]
        assert session.query(scan.rejects).arrow().to_pylist() == expected
        assert connector.read(table).read_all().num_rows == 20_900 + 3
        assert connector.rejects(table).read_all().to_pylist() == expected
        assert session.query(f"SELECT count(*) FROM ({scan.sql})").rows() == [(20_903,)]


def test_a_load_that_keeps_rejects_brings_the_others(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(BROKEN.replace("4,d,x\n", ""))
    with pytest.raises(SourceError, match="line 5: columns: 2 instead of 3") as caught:
        ingest(session, str(path))
    assert "--rejects keep" in caught.value.hint
    ingest(session, str(path), LoadOptions(rejects="keep"))
    assert session.query("SELECT id FROM t ORDER BY id").rows() == [(1,), (2,), (6,)]
