"""The file sink: the contract, and what a kill or a full disk leaves of its files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.errors import TargetBusy, TargetError, UsageError
from pluto_duck.events.model import Position
from pluto_duck.events.sinks import checked
from pluto_duck.events.sinks.contract import SinkContract, Target, batch, change, of_key, place_of
from pluto_duck.events.sinks.file import FileSink


def events_in(folder: Path) -> list[str]:
    """All of them, in the order of the files' names."""
    import pyarrow.parquet

    found: list[str] = []
    for path in sorted(folder.glob("changes-*")):
        if path.suffix == ".parquet":
            found += pyarrow.parquet.read_table(path).column("event").to_pylist()
        else:
            content = path.read_bytes().decode()
            assert not content or content.endswith("\n")
            found += content.split("\n")[:-1]
    return found


def make(folder: Path, **options: Any) -> FileSink:
    return FileSink(checked("file", {"folder": str(folder / "out"), **options}, FileSink), place_of(folder))


class TestNdjson(SinkContract):
    @pytest.fixture
    def target(self, tmp_path: Path) -> Target:
        return Target(lambda: make(tmp_path), lambda: events_in(tmp_path / "out"))


class TestParquetInManyFiles(SinkContract):
    @pytest.fixture
    def target(self, tmp_path: Path) -> Target:
        return Target(lambda: make(tmp_path, format="parquet", rotate_mb=0.001), lambda: events_in(tmp_path / "out"))


def test_a_file_is_whole_once_the_next_one_begins(tmp_path: Path) -> None:
    sink = make(tmp_path, rotate_mb=0.001)
    sink.start(Position())
    for seq in range(1, 8):
        sink.deliver(batch(change(seq, text="x" * 600)))
    sink.close()
    names = sorted(one.name for one in (tmp_path / "out").glob("changes-*"))
    assert names[:-1] == [f"changes-{number:08d}.ndjson" for number in range(1, len(names))]
    assert names[-1] == f"changes-{len(names):08d}.ndjson.part"
    assert len(names) > 2
    assert of_key(events_in(tmp_path / "out"), 1) == [1, 2, 3, 4, 5, 6, 7]


def test_what_a_torn_write_left_is_cut_off(tmp_path: Path) -> None:
    sink = make(tmp_path)
    sink.start(Position())
    sink.deliver(batch(change(1)))
    sink.close()
    with open(tmp_path / "out" / "changes-00000001.ndjson.part", "ab") as file:
        file.write(b'{"half": "a li')
    sink = make(tmp_path)
    assert sink.start(Position()) == Position(1, 1)
    sink.deliver(batch(change(2)))
    sink.close()
    assert of_key(events_in(tmp_path / "out"), 1) == [1, 2]


def test_a_parquet_file_says_what_readers_filter_by(tmp_path: Path) -> None:
    import pyarrow.parquet

    sink = make(tmp_path, format="parquet", rotate_mb=0.001)
    sink.start(Position())
    for seq in range(1, 5):
        sink.deliver(batch(change(seq, text="x" * 1200)))
    sink.close()
    found = pyarrow.parquet.read_table(tmp_path / "out" / "changes-00000001.parquet").to_pylist()
    assert [(one["sequence"], one["table_name"], one["op"]) for one in found] == [("1.1", "things", "c")]


def test_two_writers_do_not_share_a_folder(tmp_path: Path) -> None:
    first, second = make(tmp_path), make(tmp_path)
    first.start(Position())
    with pytest.raises(TargetBusy):
        second.start(Position())
    first.close()
    second.start(Position())
    second.close()


def test_a_file_that_somebody_shortened_is_not_written_on(tmp_path: Path) -> None:
    sink = make(tmp_path)
    sink.start(Position())
    sink.deliver(batch(change(1)))
    sink.close()
    (tmp_path / "out" / "changes-00000001.ndjson.part").write_bytes(b"")
    with pytest.raises(TargetError) as told:
        make(tmp_path).start(Position())
    assert not told.value.transient


@pytest.mark.parametrize("options", [{}, {"folder": "x", "format": "csv"}, {"folder": "x", "rotate_mb": "much"},
                                     {"folder": "x", "rotate_mb": 0}, {"folder": "x", "rotat_mb": 1}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        checked("file", options, FileSink)


_FILLS = """
import json, resource, signal, sys
from pathlib import Path
from pluto_duck.errors import TargetBusy
from pluto_duck.events.model import Position
from pluto_duck.events.sinks import checked
from pluto_duck.events.sinks.contract import batch, change, place_of
from pluto_duck.events.sinks.file import FileSink
folder = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sink = FileSink(checked("file", {"folder": str(folder / "out")}, FileSink), place_of(folder))
sink.start(Position())
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
seq = 0
try:
    while True:
        sink.deliver(batch(*(change(seq + one, text="x" * 300) for one in range(1, 8))))
        seq += 7
except TargetBusy as error:
    print(json.dumps([seq, error.message]))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
sink.deliver(batch(*(change(seq + one, text="x" * 300) for one in range(1, 8))))
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
def test_a_full_disk_tears_nothing_and_passes(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FILLS, str(tmp_path)], capture_output=True, text=True, check=True,
                          timeout=60)
    seq, message = json.loads(done.stdout)
    assert seq > 0
    assert "can't be written" in message
    assert of_key(events_in(tmp_path / "out"), 1) == list(range(1, seq + 8))
