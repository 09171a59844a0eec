"""The same rows as JSON, CSV, Parquet and Arrow."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

CSV, PARQUET, ARROW = "text/csv", "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"
NDJSON = "application/x-ndjson"

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


@pytest.mark.parametrize("kind", [CSV, NDJSON, PARQUET, ARROW])
async def test_a_statement_without_rows_has_no_content_to_download(client: Any, kind: str) -> None:
    answer = await client("query", await client.run(sql="create table t (i int)"), accept=kind)
    assert (answer.code, answer.body) == (204, b"")


@pytest.mark.parametrize("kind", [CSV, NDJSON, PARQUET, ARROW])
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


@pytest.mark.parametrize(("sql", "wanted"), VALUES, ids=[sql for sql, _wanted in VALUES])
async def test_ndjson_says_what_json_says(sql: str, wanted: Any) -> None:
    import duckdb

    from pluto_duck.display.ndjson import NdJson

    # Beside a plain value and NULL: a column is written at once, and none may change for its neighbours.
    relation = duckdb.connect().sql(f"select {sql} as v union all select NULL union all select {sql}")
    types = [str(one) for one in relation.types]
    text = b"".join(b"".join(NdJson(["v"], types).pieces(one)) for one in relation.to_arrow_table().to_batches())
    assert sorted(json.dumps(json.loads(line)["v"]) for line in text.splitlines()) == sorted(
        json.dumps(one) for one in (wanted, None, wanted))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(), st.sampled_from(['"', "\\", "\n", "\x00", "\u2028", "\x7f", "😀"]))))
def test_ndjson_keeps_every_text(texts: list[str | None]) -> None:
    from pluto_duck.display.ndjson import NdJson

    batch = pyarrow.record_batch([pyarrow.array(texts, pyarrow.string())], names=['a"\n'])
    lines = b"".join(NdJson(batch.schema.names, ["VARCHAR"]).pieces(batch)).decode().split("\n")
    assert [json.loads(one)['a"\n'] for one in lines[:-1]] == texts


async def test_ndjson_has_an_object_for_each_row_of_all_batches(client: Any) -> None:
    answer = await client("query", await client.run(sql=SQL), accept=NDJSON)
    assert (answer.code, answer.headers["Content-Type"]) == (200, f"{NDJSON}; charset=utf-8")
    lines = answer.body.splitlines()
    assert len(lines) == 70_000
    assert json.loads(lines[69_999]) == {"i": 69999, "s": None, "d": "17499.75", "day": "2013-04-10", "l": [69999]}


async def test_no_column_of_an_object_is_lost_to_another_of_its_name(client: Any) -> None:
    answer = await client("query", await client.run(sql="select 1 as a, 2 as a, 3 as a_1, 4 as a"), accept=NDJSON)
    assert json.loads(answer.body) == {"a": 1, "a_2": 2, "a_1": 3, "a_3": 4}


FORMS = {"json": "application/json", "events": "text/event-stream", "csv": CSV, "ndjson": NDJSON, "parquet": PARQUET,
         "arrow": ARROW}


async def test_a_client_that_cant_send_accept_names_the_format(client: Any) -> None:
    run_id = await client.run(sql="select 1")
    for name, kind in FORMS.items():
        answer = await client("query", run_id, accept="application/json", format=name)
        assert (answer.code, answer.headers["Content-Type"].split(";")[0]) == (200, kind)


async def test_an_unknown_format_is_told(client: Any) -> None:
    answer = await client("query", await client.run(sql="select 1"), format="xml")
    assert (answer.code, json.loads(answer.body)["hint"]) == (400, f"Known: {', '.join(FORMS)}.")


@pytest.mark.parametrize("name", ["json", "csv", "parquet"])
async def test_who_has_the_rows_gets_304(client: Any, name: str) -> None:
    run_id = await client.run(sql="select 42 as a")
    await client.done(run_id)
    first = await client("query", run_id, format=name)
    tag = first.headers["ETag"]
    assert (first.code, first.headers["Cache-Control"]) == (200, "private, no-cache")
    assert {"Accept", "Authorization"} <= {one.strip() for one in first.headers["Vary"].split(",")}
    for has in (tag, f'"other", W/{tag}', "*"):
        again = await client("query", run_id, format=name, headers={"If-None-Match": has})
        assert (again.code, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert (await client("query", run_id, format=name, headers={"If-None-Match": '"other"'})).body == first.body


async def test_each_form_page_and_run_has_a_tag_of_its_own(client: Any) -> None:
    runs = [await client.run(sql=f"select {i} from range(9)") for i in range(2)]
    for run_id in runs:
        await client.done(run_id)
    asked: list[dict[str, Any]] = [{"format": one} for one in ("json", "csv", "ndjson", "parquet", "arrow")]
    asked += [{"limit": 3}, {"limit": 3, "offset": 3}, {"cut": 5}]
    tags = [(await client("query", run_id, **one)).headers["ETag"] for run_id in runs for one in asked]
    assert len(set(tags)) == len(tags)


async def test_a_run_that_goes_on_and_a_problem_have_no_tag(client: Any) -> None:
    run_id = await client.run(sql="select count(*) from range(1000000000000)", detach=True)
    going = await client("query", run_id)
    assert ("ETag" not in going.headers, going.headers["Cache-Control"]) == (True, "no-store")
    await client("query", run_id, method="DELETE")
    await client.done(run_id)
    failed = await client("query", run_id, format="csv", headers={"If-None-Match": "*"})
    assert (failed.code, "ETag" in failed.headers) == (409, False)


async def test_texts_are_compressed_for_other_machines(client: Any, wire: Any,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = await client.run(sql="select range as i, 'text' as t from range(20000)")
    await client.done(run_id)

    async def get(name: str, asked: str) -> tuple[str, str, bytes]:
        found = await wire("query", f"{run_id}?format={name}", headers={"Accept-Encoding": asked})
        return found.headers.get("content-encoding", ""), found.headers["etag"], await found.body()

    near = {name: await get(name, "gzip") for name in ("csv", "ndjson", "arrow")}
    assert {one[0] for one in near.values()} == {""}
    monkeypatch.setattr("pluto_duck.api.download.is_far", lambda _address: True)
    for name, (_plain, tag, body) in near.items():
        for asked in ("gzip", "br, gzip;q=0.5"):
            coded, other, packed = await get(name, asked)
            assert coded == ("" if name == "arrow" else "gzip")
            assert (gzip.decompress(packed) if coded else packed) == body
            assert (other != tag) == bool(coded)
    for asked in ("gzip;q=0", "gzip;q=0.0, br", "identity"):
        assert await get("csv", asked) == near["csv"]


@pytest.mark.parametrize(("address", "far"), [("127.0.0.1", False), ("::1", False), ("10.0.0.7", True), ("", False),
                                              ("fe80::1%eth0", True), ("0.0.0.0", True)])
def test_what_is_far(address: str, far: bool) -> None:
    from pluto_duck.api.download import is_far

    assert is_far(address) is far


async def test_a_file_is_not_offered_in_parts(client: Any) -> None:
    run_id = await client.run(sql="select 42 as a")
    await client.done(run_id)
    answer = await client("query", run_id, format="csv", headers={"Range": "bytes=0-1"})
    assert (answer.code, answer.headers["Accept-Ranges"], answer.body) == (200, "none", b'"a"\n42\n')
