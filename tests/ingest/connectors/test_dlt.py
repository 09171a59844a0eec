"""dlt sources: their types, nested tables, and the user's code when it fails. Each runs in its own process."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from pluto_duck.errors import SourceError, UsageError
from pluto_duck.ingest.connectors.contract import ROWS, ConnectorContract, Source, host, rows_of, rows_scanned
from pluto_duck.ingest.connectors.dlt import DltConnector

pytest.importorskip("dlt", reason="dlt is not installed")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "sources").mkdir()
    monkeypatch.chdir(tmp_path / "sources")
    yield tmp_path / "sources"
    assert [one.name for one in (tmp_path / "sources").iterdir() if one.suffix != ".py"
            and one.name != "__pycache__"] == []


class TestContract(ConnectorContract):
    @pytest.fixture(scope="class")
    def runs(self, tmp_path_factory: pytest.TempPathFactory) -> dict[object, str]:
        return {None: str(tmp_path_factory.mktemp("runs"))}

    @pytest.fixture(autouse=True)
    def _one_run_for_all(self, runs: dict[object, str], monkeypatch: pytest.MonkeyPatch) -> None:
        """The source is always the same: what its process left is kept for the next test that asks for it."""
        extract = DltConnector._extract

        def extracted(connector: DltConnector, tables: Sequence[str] | None) -> None:
            wanted = tuple(tables or ())
            if wanted not in runs:
                extract(connector, tables)
                kept = Path(runs[None]) / str(len(runs))
                assert connector._folder is not None
                shutil.copytree(connector._folder, kept)
                runs[wanted] = json.dumps(connector._tables).replace(str(connector._folder), str(kept))
            connector._tables = json.loads(runs[wanted])

        monkeypatch.setattr(DltConnector, "_extract", extracted)

    @pytest.fixture
    def source(self, folder: Path) -> Source:
        (folder / "shop.py").write_text(f"""
import dlt

@dlt.resource(primary_key="id")
def things():
    yield [dict(zip(("id", "name", "amount"), row)) for row in {ROWS!r}]

@dlt.resource
def others():
    yield {{"a": 1}}

@dlt.source
def shop():
    return things, others
""")
        return Source(DltConnector, "dlt://shop:shop")


def test_types_keys_and_nested_tables_arrive(folder: Path) -> None:
    (folder / "pkg.py").write_text("""
import datetime as dt, dlt
from decimal import Decimal

@dlt.resource(name="orders", primary_key="id", columns={"note": {"data_type": "json"}})
def orders(first=1):
    yield {"id": first, "at": dt.datetime(2024, 1, 1, 9, tzinfo=dt.timezone(dt.timedelta(hours=9))),
           "day": dt.date(2024, 2, 29), "price": Decimal("1.123456789"), "big": 2**62, "ok": True, "raw": b"\\x00",
           "note": {"b": 1, "a": [1]}, "lines": [{"n": 1}, {"n": 2}]}
    yield {"id": first + 1, "lines": []}
""")
    connector = DltConnector("dlt://pkg:orders")
    connector.configure({"args": '{"first": 7}'})
    with connector:
        orders, lines = connector.discover()
        assert (orders.name, orders.primary_key, lines.name) == ("orders", ("id",), "orders__lines")
        told = {one.name: one.type for one in orders.columns}
        assert told == {"id": "BIGINT", "at": "TIMESTAMP WITH TIME ZONE", "day": "DATE", "price": "DECIMAL(38,9)",
                        "big": "BIGINT", "ok": "BOOLEAN", "raw": "BLOB", "note": "JSON", "_dlt_id": "VARCHAR"}
        named = [dict(zip(told, row, strict=True)) for row in rows_of(connector, orders)]
        rows = {row["id"]: row for row in named}
        assert rows[7]["at"].astimezone(dt.UTC) == dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
        assert (rows[7]["price"], rows[7]["big"], rows[7]["raw"]) == (Decimal("1.123456789"), 2**62, b"\x00")
        assert rows[8]["at"] is None
        names = [one.name for one in lines.columns]
        nested = [dict(zip(names, row, strict=True)) for row in rows_of(connector, lines)]
        assert sorted((row["_dlt_parent_id"], row["n"]) for row in nested) == [
            (rows[7]["_dlt_id"], 1), (rows[7]["_dlt_id"], 2)]
        with host(connector) as memory:
            assert sorted(rows_scanned(memory, connector, lines) or []) == sorted(rows_of(connector, lines))


def test_duplicates_are_no_key(folder: Path) -> None:
    (folder / "twice.py").write_text("""
import dlt

@dlt.resource(primary_key="id")
def rows():
    yield [{"id": 1}, {"id": 1}]
""")
    with DltConnector("dlt://twice:rows") as connector:
        assert connector.discover()[0].primary_key == ()


def test_failing_code_is_told_in_its_own_words_without_secrets(folder: Path) -> None:
    (folder / "broken.py").write_text("""
import dlt

@dlt.resource
def rows():
    yield {"id": 1}
    raise RuntimeError("no answer from postgresql://me:hunter2@host/db")
""")
    with DltConnector("dlt://broken:rows") as connector, \
            pytest.raises(SourceError, match="RuntimeError: no answer") as caught:
        connector.discover()
    assert "hunter2" not in caught.value.message + caught.value.hint
    with DltConnector("dlt://nowhere:rows") as connector, pytest.raises(UsageError, match="no module nowhere"):
        connector.discover()
    with DltConnector("dlt://broken:others") as connector, pytest.raises(UsageError, match="has no others"):
        connector.discover()


def test_nothing_is_left_behind_and_a_hanging_source_can_be_stopped(
        folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    (tmp_path / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    (folder / "slow.py").write_text(f"""
import time, pathlib, dlt

@dlt.resource
def rows(key):
    assert key == "s3cret"
    pathlib.Path({str(tmp_path / "began")!r}).touch()
    time.sleep(600)
    yield {{"id": 1}}
""")
    slow = DltConnector("dlt://slow:rows")
    slow.configure({"args": '{"key": "s3cret"}'})
    with slow as connector:
        failed: list[Exception] = []

        def work() -> None:
            try:
                connector.discover()
            except Exception as error:
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        while not (tmp_path / "began").exists():
            time.sleep(0.01)
        assert connector._process is not None
        if sys.platform == "linux":
            assert "s3cret" not in Path(f"/proc/{connector._process.pid}/cmdline").read_text()
        connector.interrupt()
        thread.join(20)
        assert isinstance(failed[0], SourceError)
    assert list((tmp_path / "temp").iterdir()) == []


@pytest.mark.parametrize("uri", ["dlt://shop", "dlt://os;x:y", "dlt://a b:c"])
def test_an_address_that_makes_no_sense_is_refused_at_once(uri: str) -> None:
    with pytest.raises(UsageError):
        DltConnector(uri)
