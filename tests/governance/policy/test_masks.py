"""A masked value by every path that a reader has: only its mask is ever seen, and nobody can try values out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pluto_duck.errors import PlutoError
from pluto_duck.session import Session
from tests.governance.policy.conftest import Company, lasting_home, rows

SECRET = "never-to-be-seen"
SETUP = f"""
CREATE TABLE t AS SELECT i AS id, '{SECRET}' || i AS gone, '{SECRET}' || i AS hashed, '{SECRET}' || i AS cut,
  '{SECRET}' || i AS made, ['{SECRET}' || i] AS list, {{'k': '{SECRET}' || i}} AS struct, 424200 + i AS pay,
  CASE WHEN i % 2 = 0 THEN 'EU' ELSE 'US' END AS region, '{SECRET}' AS hidden FROM range(10) r(i);
"""
GRANT = """
      - tables: t
        actions: [read, ask]
        hide: hidden
        masks:
          gone: "null"
          hashed: hash
          cut: {partial: {first: 1, last: 1}}
          made: {expression: "length(made) || '?'"}
          list: "null"
          struct: hash
          pay: {expression: "pay // 1000000"}
"""
POLICY = f"""
version: 1
roles:
  plain:
    grants:{GRANT}
  filtered:
    grants:{GRANT}        rows: region = $region
  mixed:
    grants:{GRANT}      - {{tables: t, actions: read, columns: [id, gone], rows: id < 0}}
"""
ROLES = ("plain", "filtered", "mixed")
PATHS = """
SELECT * FROM t
FROM t
TABLE t
SELECT t FROM t
SELECT x FROM t AS x
SELECT COLUMNS(*) FROM t
SELECT COLUMNS('.*') FROM t
SELECT COLUMNS(lambda c: c LIKE '%u%') FROM t
SELECT * EXCLUDE (id) FROM t
SELECT * REPLACE (upper(cut) AS cut) FROM t
SELECT * RENAME (cut AS other) FROM t
SELECT t.* FROM t
SELECT unnest(t) FROM t
SELECT unnest(list) FROM t
SELECT struct FROM t
SELECT to_json(t) FROM t
SELECT json_object('a', cut, 'b', made) FROM t
SELECT row(cut, made) FROM t
SELECT struct_pack(a := gone, b := hashed) FROM t
SELECT list(t) FROM t
SELECT list(cut), list(made), list(gone), list(hashed) FROM t
SELECT string_agg(cut, ','), string_agg(hashed, ',') FROM t
SELECT min(cut), max(cut), min(made), max(hashed), any_value(gone), first(cut), last(cut) FROM t
SELECT arg_max(cut, id), max_by(hashed, pay), min_by(made, id), mode(cut), median(pay) FROM t
SELECT histogram(cut), histogram(hashed) FROM t
SELECT approx_top_k(cut, 3) FROM t
SELECT quantile_disc(pay, 0.5), sum(pay), max(pay) FROM t
SELECT DISTINCT cut, made, gone FROM t
SELECT cut, count(*) FROM t GROUP BY ALL
SELECT cut, made, count(*) FROM t GROUP BY ROLLUP (cut, made)
SELECT * FROM t ORDER BY cut, hashed
SELECT * FROM t ORDER BY ALL
SELECT *, lag(cut) OVER (ORDER BY id), first_value(made) OVER (ORDER BY id) FROM t
SELECT * FROM t QUALIFY row_number() OVER (PARTITION BY cut ORDER BY hashed) = 1
WITH c AS (SELECT * FROM t) SELECT * FROM c
WITH c AS MATERIALIZED (FROM t) FROM c
WITH RECURSIVE r AS (SELECT id, cut FROM t WHERE id = 0 UNION ALL SELECT r.id + 1, t.cut FROM r JOIN t ON t.id = r.id + 1) FROM r
SELECT * FROM (SELECT * FROM (SELECT * FROM t))
SELECT a.*, b.cut FROM t a JOIN t b USING (id)
SELECT * FROM t a JOIN t b ON a.cut = b.cut
SELECT * FROM t a NATURAL JOIN t b
SELECT * FROM t a POSITIONAL JOIN t b
SELECT * FROM t a ASOF JOIN t b ON a.id >= b.id
SELECT * FROM t a, LATERAL (SELECT a.cut, a.made)
SELECT * FROM t UNION SELECT * FROM t
SELECT * FROM t UNION ALL BY NAME SELECT * FROM t
SELECT * FROM t EXCEPT SELECT * FROM t WHERE id < 5
SELECT * FROM t INTERSECT SELECT * FROM t
SELECT (SELECT max(cut) FROM t), (SELECT list(made) FROM t), ARRAY(SELECT hashed FROM t)
SELECT * FROM t USING SAMPLE 5 ROWS
SELECT * FROM t TABLESAMPLE 50%
PIVOT t ON region IN ('EU', 'US') USING max(cut), max(hashed)
UNPIVOT (SELECT id, cut, hashed FROM t) ON cut, hashed INTO NAME n VALUE v
SELECT * FROM (UNPIVOT (SELECT id, cut, made FROM t) ON COLUMNS(* EXCLUDE (id)))
SUMMARIZE t
SUMMARIZE SELECT cut, hashed FROM t
SELECT * FROM (SUMMARIZE t)
DESCRIBE t
SELECT CASE WHEN id > 0 THEN cut ELSE made END, coalesce(gone, cut), nullif(cut, made) FROM t
SELECT cut || made, concat(cut, hashed), format('{} {}', cut, made), printf('%s', hashed) FROM t
SELECT substring(cut, 1, 99), reverse(cut), upper(made), replace(hashed, 'a', 'b'), cut[1:99] FROM t
SELECT hash(t), md5(cut), sha256(made), ascii(cut), encode(cut), to_base64(encode(cut)) FROM t
SELECT list_transform([cut], lambda x: x || '!'), [x FOR x IN [made]], {'a': cut}, map([id], [cut]) FROM t
SELECT regexp_extract(cut, '.*'), string_split(made, ''), cut::BLOB, hex(cut) FROM t
SELECT alias(cut), typeof(cut), pg_typeof(made), len(cut) FROM t
FROM t SELECT cut LIMIT 3 OFFSET 1
VALUES ((SELECT max(cut) FROM t))
""".strip().splitlines()

_home = pytest.fixture(autouse=True, scope="module")(lasting_home)


@pytest.fixture(scope="module")
def company(companies: Callable[[], Company]) -> Company:
    made = companies()
    made.owner.query(SETUP)
    made.allow(POLICY)
    return made


@pytest.fixture(scope="module")
def sessions(company: Company) -> dict[str, Session]:
    return {**{role: company.as_(role, region="EU") for role in ROLES},
            **{f"{role}, apart": company.as_(role, region="EU", apart=True) for role in ROLES}}


@pytest.mark.parametrize("role", [*ROLES, *(f"{role}, apart" for role in ROLES)])
def test_no_path_leads_to_what_is_masked(sessions: dict[str, Session], role: str) -> None:
    refused = []
    for sql in PATHS:
        try:
            result = sessions[role].query(sql, max_rows=1000)
        except PlutoError as error:
            refused.append((sql, str(error)))
            continue
        seen = str(result.rows()) + str(result.columns)
        assert SECRET not in seen, sql
        assert "4242" not in seen, sql
        assert "hidden" not in seen, sql
    assert refused == []
    assert len(PATHS) >= 60


@pytest.mark.parametrize("role", [*ROLES, "mixed, apart"])
@pytest.mark.parametrize("guess", [
    "gone = 'never-to-be-seen0'", "hashed = 'never-to-be-seen0'", "cut = 'never-to-be-seen0'", "cut LIKE '%ever%'",
    "starts_with(cut, 'ne')", "contains(hashed, 'never')", "made LIKE 'never%'", "pay >= 424200", "gone IS NOT NULL",
    "list IS NOT NULL", "hashed = left(sha256('never-to-be-seen0'), 16)", "hashed = md5('never-to-be-seen0')",
    "cut > 'nevea' AND cut < 'nevez'", "list_contains(list, 'never-to-be-seen0')", "id IN (SELECT id FROM t WHERE pay > 9)",
    "levenshtein(cut, 'never-to-be-seen0') < 3", "json_extract_string(to_json(t), '$.gone') LIKE 'n%'"])
def test_nobody_can_try_values_out(sessions: dict[str, Session], role: str, guess: str) -> None:
    assert rows(sessions[role], f"SELECT count(*) FROM t WHERE {guess}") == [(0,)]


@pytest.mark.parametrize("role", ROLES)
def test_statistics_of_the_column_below_are_not_told(sessions: dict[str, Session], role: str) -> None:
    for column in ("pay", "cut", "gone", "id"):
        with pytest.raises(PlutoError):
            sessions[role].query(f"SELECT stats({column}) FROM t")
    (table,) = sessions[role].tables()
    assert [one.name for one in table.columns] == ["id", "gone", "hashed", "cut", "made", "list", "struct", "pay", "region"]


@pytest.mark.parametrize("role", ["plain", "plain, apart"])
def test_what_the_masks_show_is_what_they_say(sessions: dict[str, Session], role: str) -> None:
    (found,) = sessions[role].query("SELECT gone, cut, made, list, pay, length(hashed) AS h, length(struct) AS s "
                                       "FROM t WHERE id = 3").rows()
    assert tuple(found) == (None, "n***3", "17?", None, 0, 16, 16)
