"""The bundled sample is what its README says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import parquet

from pluto_duck.commands.make_sample import SAMPLE, make

ROWS = {"airlines": 16, "airports": 1458, "planes": 3322, "weather": 26115, "flights": 33682}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_each_table_has_the_rows_its_readme_names(name: str) -> None:
    assert parquet.read_metadata(SAMPLE / f"{name}.parquet").num_rows == ROWS[name]
    assert f"| {name} | {ROWS[name]:,} |" in (SAMPLE / "README.md").read_text(encoding="utf-8")


def test_the_sample_is_small() -> None:
    assert sum(file.stat().st_size for file in SAMPLE.glob("*.parquet")) < 1_500_000


def test_every_carrier_flies_in_every_month_that_it_really_did() -> None:
    import io

    import pandas

    from pluto_duck.commands.flights import blocks

    flights = pandas.read_csv(io.BytesIO(b"".join(blocks("flights"))))
    kept = parquet.read_table(SAMPLE / "flights.parquet", columns=["carrier", "month"]).to_pylist()
    real = flights[["carrier", "month"]].drop_duplicates().itertuples(index=False, name=None)
    assert {(row["carrier"], row["month"]) for row in kept} == set(real)


def test_missing_numbers_are_null_and_numbers_are_integers() -> None:
    flights = parquet.read_table(SAMPLE / "flights.parquet")
    assert str(flights.schema.field("arr_delay").type) == "int32"
    assert flights.column("arr_delay").null_count > 0
    assert str(flights.schema.field("time_hour").type) == "timestamp[us, tz=UTC]"


def test_the_maker_makes_the_same_rows_again(tmp_path: Path) -> None:
    assert make(tmp_path) == ROWS
    for name in ROWS:
        assert parquet.read_table(tmp_path / f"{name}.parquet").equals(parquet.read_table(SAMPLE / f"{name}.parquet"))
