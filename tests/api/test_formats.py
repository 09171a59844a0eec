"""The same rows as JSON, CSV, Parquet and Arrow."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

CSV, PARQUET, ARROW = "text/csv", "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"

VALUES = [
    ("true", True), ("1::TINYINT", 1), ("9007199254740991", 9007199254740991),
    ("9007199254740993", "9007199254740993"), ("-9007199254740993", "-9007199254740993"),
    ("12345678901234567890::UBIGINT", "12345678901234567890"), ("1::HUGEINT", 1),
    ("170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"),
    ("12.50::DECIMAL(9,2)", "12.50"), ("0.0000000000001::DECIMAL(30,20)", "0.00000000000010000000"),
    ("0.1::FLOAT", 0.1), ("0.1::DOUBLE", 0.1), ("'nan'::DOUBLE", "NaN"), ("'-inf'::DOUBLE", "-Infinity"),
    ("'text'", "text"), ("''", ""), ("NULL", None), ("'ü€😀'", "ü€😀"),
    ("DATE '2013-07-04'", "2013-07-04"), ("DATE 'infinity'", "infinity"), ("DATE '40000-02-29'", "40000-02-29"),
    ("TIME '10:00:01.25'", "10:00:01.25"), ("TIME '10:00:00'", "10:00:00"),
    ("TIMESTAMP '2013-07-04 10:00:00'", "2013-07-04T10:00:00"),
    ("TIMESTAMP '2013-07-04 10:00:00.120'", "2013-07-04T10:00:00.12"),
    ("TIMESTAMP '-infinity'", "-infinity"),
    ("TIMESTAMP_NS '2013-07-04 10:00:00.123456789'", "2013-07-04T10:00:00.123456789"),
    ("TIMESTAMPTZ '2013-07-04 10:00:00+02'", "2013-07-04T08:00:00Z"),
    ("INTERVAL '1 month 2 days 3.5 seconds'", "P1M2DT3.5S"), ("INTERVAL '0 days'", "PT0S"),
    ("'\\x00\\xFF'::BLOB", "AP8="), ("'101'::BIT", "101"),
    ("'6f1c0f5e-6f0b-4d1e-8c7c-3b6a4a1f2a10'::UUID", "6f1c0f5e-6f0b-4d1e-8c7c-3b6a4a1f2a10"),
    ("'b'::ENUM('a', 'b')", "b"), ("""'{"a": 1}'::JSON""", '{"a": 1}'),
    ("[1, NULL, 9007199254740993]", [1, None, "9007199254740993"]), ("[]::INT[]", []),
    ("[DATE '2013-07-04']", ["2013-07-04"]), ("[1, 2]::INT[2]", [1, 2]),
    ("{'a': 1.5::DECIMAL(2,1), 'b': [true]}", {"a": "1.5", "b": [True]}), ("NULL::STRUCT(a INT)", None),
    ("MAP {'k': TIMESTAMP '2013-07-04 10:00:00'}", [["k", "2013-07-04T10:00:00"]]),
]


async def test_every_type_has_one_documented_form_in_json(client: Any) -> None:
    picks = ", ".join(f"{sql} as c{i}" for i, (sql, _wanted) in enumerate(VALUES))
    done = await client.sql(f"select {picks}")
    assert done["status"] == "succeeded", done["error"]
    assert dict(zip([v[0] for v in VALUES], done["rows"][0], strict=True)) == dict(VALUES)


SQL = ("select range::BIGINT as i, case when range % 3 = 0 then null else 'r' || range end as s, "
       "(range / 4)::DECIMAL(12,2) as d, DATE '2013-01-01' + (range % 300)::INT as day, [range] as l from range(70000)")


async def test_an_arrow_stream_round_trips_with_its_types(client: Any) -> None:
    run_id = await client.run(sql=SQL)
    answer = await client("query", run_id, accept=ARROW)
    assert (answer.code, answer.headers["Content-Type"]) == (200, ARROW)
    table = pyarrow.ipc.open_stream(io.BytesIO(answer.body)).read_all()
    assert table.num_rows == 70_000
    assert table.schema.field("d").type == pyarrow.decimal128(12, 2)
    assert table.column("s")[1].as_py() == "r1"


async def test_parquet_round_trips_with_its_types(client: Any) -> None:
    run_id = await client.run(sql=SQL)
    answer = await client("query", run_id, accept=PARQUET)
    assert (answer.code, answer.headers["Content-Type"]) == (200, PARQUET)
    table = pyarrow.parquet.read_table(io.BytesIO(answer.body))
    assert (table.num_rows, table.column("l")[69_999].as_py()) == (70_000, [69_999])
    assert table.schema.field("day").type == pyarrow.date32()


async def test_csv_tells_null_from_empty_and_writes_lists_as_json(client: Any) -> None:
    run_id = await client.run(sql="select 1 as a, NULL as n, '' as e, 'a\"b' as q, [1, 2] as l, "
                                  "TIMESTAMP '2013-07-04 10:00:00' as t, 1.50::DECIMAL(3,2) as d, 2.5::DOUBLE as f, "
                                  "DATE '2013-07-04' as y, 'nan'::DOUBLE as z, 1e-13::DECIMAL(30,20) as w")
    answer = await client("query", run_id, accept=CSV)
    assert answer.headers["Content-Type"].startswith(CSV)
    assert answer.body.decode() == ('"a","n","e","q","l","t","d","f","y","z","w"\n'
                                    '1,,"","a""b","[1, 2]","2013-07-04T10:00:00",1.50,2.5,2013-07-04,'
                                    '"NaN","0.00000000000010000000"\n')


async def test_csv_has_one_header_however_many_batches(client: Any) -> None:
    run_id = await client.run(sql="select range as i from range(150000)")
    answer = await client("query", run_id, accept=CSV)
    lines = answer.body.decode().splitlines()
    assert (lines[0], lines[1], lines[-1], len(lines)) == ('"i"', "0", "149999", 150_001)


@pytest.mark.parametrize("kind", [CSV, PARQUET, ARROW])
async def test_no_rows_still_have_their_columns(client: Any, kind: str) -> None:
    answer = await client("query", await client.run(sql="select 1 as one where false"), accept=kind)
    assert answer.code == 200
    read = {CSV: lambda b: pyarrow.csv.read_csv(b), PARQUET: pyarrow.parquet.read_table,
            ARROW: lambda b: pyarrow.ipc.open_stream(b).read_all()}[kind]
    table = read(io.BytesIO(answer.body))
    assert (table.column_names, table.num_rows) == (["one"], 0)


@pytest.mark.parametrize("kind", [CSV, PARQUET, ARROW])
async def test_a_statement_without_rows_has_no_content_to_download(client: Any, kind: str) -> None:
    answer = await client("query", await client.run(sql="create table t (i int)"), accept=kind)
    assert (answer.code, answer.body) == (204, b"")


@pytest.mark.parametrize("kind", [CSV, PARQUET, ARROW])
async def test_a_failed_run_answers_a_download_with_its_problem(client: Any, kind: str) -> None:
    answer = await client("query", await client.run(sql="selekt"), accept=kind)
    assert answer.code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.body)["code"] == "statement"


@pytest.mark.parametrize(("accept", "sent"), [
    ("", "application/json"), ("*/*", "application/json"), ("text/*", "text/event-stream"),
    ("text/csv;q=0.5, application/json;q=0.1", CSV), ("text/csv;q=0, */*", "application/json"),
    ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
])
async def test_accept_chooses_the_form(client: Any, accept: str, sent: str) -> None:
    run_id = await client.run(sql="select 1")
    answer = await client("query", run_id, accept=accept)
    assert answer.headers["Content-Type"].split(";")[0] == sent
