"""Rows read and written by roles: the policy is part of every statement."""

from __future__ import annotations

from typing import Any

import pytest

from pluto_duck.errors import Conflict, PlutoError, Refused, UnknownName, UsageError
from pluto_duck.session import Session, TableRef
from pluto_duck.session.rows import Aggregate, Compare, Delete, Insert, Measure, Not, Order, Select, TextsFound, Update
from tests.governance.policy.conftest import Company, company

T = TableRef("orders")
POLICY = """
version: 1
roles:
  eu:
    grants:
      - {tables: orders, actions: [read, update, delete], rows: region = $region, hide: card, masks: {email: partial}}
      - {tables: orders, actions: insert, rows: region = $region, columns: [id, region, amount, email]}
  half:
    grants:
      - {tables: orders, actions: read}
      - {tables: orders, actions: update, rows: amount < 10, columns: amount}
  adder:
    grants: [{tables: [orders, log], actions: insert}]
  reader:
    grants: [{tables: "*", actions: read}]
  both:
    grants:
      - {tables: orders, actions: [read, update], rows: "region = 'EU'", columns: [id, region, amount]}
      - {tables: orders, actions: [read, update], rows: "region = 'US'", columns: [id, region, email]}
"""
__all__ = ["company"]


@pytest.fixture
def roles(company: Company) -> Company:
    company.owner.query("CREATE TABLE orders (id INTEGER PRIMARY KEY, region VARCHAR, amount DECIMAL(8,2), "
                        "email VARCHAR UNIQUE, card VARCHAR DEFAULT 'none'); CREATE TABLE log (line VARCHAR);"
                        "INSERT INTO orders SELECT i, ['EU', 'US'][1 + i % 2], i, 'p' || i || '@x.example', 'card' || i "
                        "FROM range(20) r(i)")
    company.allow(POLICY)
    return company


def everything(company: Company) -> list[tuple[Any, ...]]:
    return company.owner.query("SELECT * FROM orders ORDER BY id").rows()


@pytest.fixture
def eu(roles: Company) -> Session:
    return roles.as_("eu", region="EU")


def test_a_role_reads_its_rows_and_masks(eu: Session) -> None:
    found = eu.rows(Select(T, where=Compare("id", "<", 4), order=(Order("id"),)))
    assert [one.name for one in found.columns] == ["id", "region", "amount", "email"]
    assert [row[0] for row in found.rows()] == [0, 2]
    assert {row[3] for row in found.rows()} == {"p***"}
    assert eu.rows(Aggregate(T, (Measure("count"), Measure("count distinct", "email")))).rows() == [(10, 1)]
    assert eu.by_key(T, [["2"], ["3"], ["nope"]]).at == (0, None, None)


def test_comparisons_see_the_mask_and_never_the_value(eu: Session) -> None:
    for where in (Compare("email", "=", "p2@x.example"), Compare("email", "like", "%x.example"),
                  Compare("email", "contains", "2"), Compare("email", ">", "p***"), Compare("email", "<", "p***")):
        assert eu.rows(Select(T, where=where)).row_count == 0
    assert eu.rows(Select(T, where=Not(Compare("email", "=", "p***")))).row_count == 0
    for wanted in (Select(T, ("card",)), Select(T, where=Compare("card", "=", "card2")), Select(T, order=(Order("card"),)),
                   Aggregate(T, (Measure("max", "card"),)), Select(TableRef("log")), Select(TableRef("commits", "_pluto"))):
        with pytest.raises(UnknownName) as error:
            eu.rows(wanted)
        assert "card2" not in str(error.value.to_dict())


def test_without_its_claim_a_role_sees_nothing(roles: Company) -> None:
    nobody = roles.as_("eu")
    assert nobody.rows(Select(T)).row_count == 0
    with pytest.raises(Refused):
        nobody.change([Insert(T, ({"id": 50, "region": "EU"},))])
    assert nobody.change([Delete(T, Compare("id", ">=", 0))])[0].affected == 0


def test_a_role_writes_within_its_rows(roles: Company, eu: Session) -> None:
    done, = eu.change([Insert(T, ({"id": 50, "region": "EU", "email": "new@x.example"},))])
    assert (done.affected, done.rows.rows() if done.rows else None) == (1, [(50, "EU", None, "n***")])
    assert roles.owner.rows(Select(T, ("card",), Compare("id", "=", 50))).scalar() == "none"
    done, = eu.change([Update(T, Compare("id", "=", 50), {"amount": "9.99"})])
    assert done.rows is not None
    assert str(done.rows.rows()[0][2]) == "9.99"
    assert eu.change([Delete(T, Compare("id", "=", 50))])[0].affected == 1
    assert eu.change([Update(T, Compare("id", "=", 1), {"amount": 0})])[0].affected == 0, "a row that it does not see"
    assert eu.change([Delete(T, Compare("id", "in", [1, 3]))])[0].affected == 0


@pytest.mark.parametrize(("change", "error"), [
    (Insert(T, ({"id": 50, "region": "US"},)), Refused), (Insert(T, ({"id": 50},)), Refused),
    (Insert(T, ({"id": 50, "region": "EU"}, {"id": 51, "region": "US"})), Refused),
    (Update(T, Compare("id", "=", 2), {"region": "US"}), Refused),
    (Update(T, Compare("id", ">=", 0), {"region": "US"}), Refused),
    (Update(T, Compare("id", "=", 2), {"email": "x"}), Refused),
    (Update(T, Compare("id", "=", 2), {"card": "x"}), UnknownName),
    (Update(T, Compare("card", "=", "card2"), {"amount": 1}), UnknownName),
    (Insert(T, ({"id": 50, "region": "EU", "card": "x"},)), UnknownName),
    (Insert(T, ({"id": 2, "region": "EU"},)), Conflict),
    (Insert(T, ({"id": 3, "region": "EU"},)), Conflict),
    (Insert(T, ({"id": 3, "region": "EU", "amount": 1},), "update"), Conflict),
    (Insert(T, ({"id": "x", "region": "EU"},)), UsageError),
    (Insert(TableRef("log"), ({"line": "x"},)), UnknownName),
    (Delete(TableRef("log"), Compare("line", "=", "x")), UnknownName),
])
def test_what_a_role_may_not_write_is_refused_and_nothing_is_written(roles: Company, eu: Session, change: Any,
                                                                    error: type[PlutoError]) -> None:
    before = everything(roles)
    with pytest.raises(error) as raised:
        eu.change([Insert(T, ({"id": 70, "region": "EU"},)), change])
    assert type(raised.value) is error, raised.value
    told = str(raised.value.to_dict())
    assert "card3" not in told
    assert "x.example" not in told
    assert "workspace" not in told
    assert everything(roles) == before


def test_the_row_before_must_be_one_that_may_be_written(roles: Company) -> None:
    half = roles.as_("half")
    assert half.change([Update(T, Compare("id", "=", 3), {"amount": 5})])[0].affected == 1
    for where, amount in ((Compare("id", "=", 15), 5), (Compare("id", ">=", 0), 5), (Compare("id", "=", 3), 50)):
        with pytest.raises(Refused):
            half.change([Update(T, where, {"amount": amount})])
    with pytest.raises(Refused):
        half.change([Update(T, Compare("id", "=", 3), {"region": "X"})])
    with pytest.raises(Refused):
        half.change([Delete(T, Compare("id", "=", 3))])
    assert str(everything(roles)[3][2]) == "5.00"


def test_grants_add_up_row_by_row(roles: Company) -> None:
    both = roles.as_("both")
    assert both.change([Update(T, Compare("id", "=", 2), {"amount": 1})])[0].affected == 1
    assert both.change([Update(T, Compare("id", "=", 3), {"email": "e"})])[0].affected == 1
    for where, values in ((Compare("id", "=", 3), {"amount": 1}), (Compare("id", "=", 2), {"email": "f"}),
                          (Compare("id", "=", 2), {"email": "f", "amount": 1})):
        with pytest.raises(Refused):
            both.change([Update(T, where, values)])


def test_who_may_only_add_reads_nothing_back(roles: Company) -> None:
    adder = roles.as_("adder")
    done, = adder.change([Insert(T, ({"id": 90, "card": "c"},))])
    assert (done.affected, done.rows) == (1, None)
    assert adder.change([Insert(TableRef("log"), ({"line": "x"}, {"line": "y"}))])[0].affected == 2
    with pytest.raises(UnknownName):
        adder.rows(Select(T))
    for change in (Update(T, Compare("id", "=", 90), {"card": "d"}), Delete(T, Compare("id", "=", 90))):
        with pytest.raises(PlutoError):
            adder.change([change])


def test_a_role_that_only_reads_writes_nothing(roles: Company) -> None:
    reader = roles.as_("reader")
    for change in (Insert(T, ({"id": 90},)), Update(T, Compare("id", "=", 2), {"amount": 1}),
                   Delete(T, Compare("id", "=", 2)), Insert(TableRef("log"), ({"line": "x"},))):
        with pytest.raises(Refused):
            reader.change([change])


def test_grants_count_from_the_next_statement_on(roles: Company, eu: Session) -> None:
    assert eu.rows(Select(T)).row_count == 10
    roles.allow(POLICY.replace("[read, update, delete], rows: region = $region", "[read], rows: region = 'US'"))
    assert {row[1] for row in eu.rows(Select(T)).rows()} == {"US"}
    with pytest.raises(Refused):
        eu.change([Update(T, Compare("id", "=", 1), {"amount": 1})])
    roles.owner.query("ALTER TABLE orders ADD COLUMN extra INTEGER DEFAULT 4")
    assert eu.rows(Select(T, ("extra",), limit=1)).scalar() == 4
    roles.owner.query("DROP TABLE orders")
    with pytest.raises(UnknownName):
        eu.rows(Select(T))


def test_members_of_an_enum_are_not_told(roles: Company) -> None:
    roles.owner.query("CREATE TYPE mood AS ENUM ('fine', 'secretive'); CREATE TABLE moods (id INTEGER PRIMARY KEY, m mood);"
                      "INSERT INTO moods VALUES (1, 'fine'), (2, 'secretive')")
    roles.allow(POLICY + "  moody:\n    grants: [{tables: moods, actions: [read, update], rows: id = 1}]\n")
    moody = roles.as_("moody")
    assert moody.rows(Select(TableRef("moods"))).columns[1].type == "VARCHAR"
    with pytest.raises(UsageError) as error:
        moody.change([Update(TableRef("moods"), Compare("id", "=", 1), {"m": "x"})])
    assert "secretive" not in str(error.value.to_dict())


def test_what_is_written_is_read_and_judged_at_once(eu: Session, roles: Company,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    from pluto_duck.session.rows.governed import Governed

    asked, ask = [], Governed._asked

    def counted(self: Governed, table: Any, real: Any, sql: str) -> Any:
        asked.append(sql)
        return ask(self, table, real, sql)

    monkeypatch.setattr(Governed, "_asked", counted)
    assert eu.change([Insert(T, ({"id": 100, "region": "EU"},))])[0].affected == 1
    before = everything(roles)
    with pytest.raises(Refused):
        eu.change([Insert(T, ({"id": 101, "region": "EU"}, {"id": 102, "region": "US"}))])
    with pytest.raises(Refused):
        eu.change([Insert(T, ({"id": 103, "region": None},))])
    assert everything(roles) == before
    assert not asked, "the INSERT itself tells it"


OTHERS = """
version: 1
roles:
  looks:
    grants:
      - {tables: days, actions: [read, insert], rows: "id IN (SELECT id + 100 FROM allowed)", masks: {extra: hash}}
  plain:
    grants:
      - {tables: days, actions: [read, insert], rows: days.region = $region, masks: {extra: {expression: "days.extra[:1] || '%'"}}}
  blind:
    grants:
      - {tables: days, actions: read, rows: region = $region}
      - {tables: days, actions: insert}
"""


@pytest.mark.parametrize("role", ["looks", "plain", "blind"])
def test_what_is_written_comes_as_it_is_read(company: Company, role: str) -> None:
    company.owner.query("CREATE TABLE days (id INTEGER PRIMARY KEY, region VARCHAR, day DATE, note VARCHAR, "
                        "made TIMESTAMP DEFAULT '2024-01-01 00:00:00.5', extra VARCHAR DEFAULT 'abc'); CREATE TABLE allowed AS SELECT i AS id FROM range(5) r(i)")
    company.allow(OTHERS)
    session = company.as_(role, region="EU")
    table, rows = TableRef("days"), [{"id": 100 + i, "region": "EU", "day": "2024-02-29", "note": f"n{i}"} for i in range(4)]
    rows[3]["day"] = "infinity"
    for some in (rows[:1], rows[1:3], rows[3:]):
        done = session.change_each([[Insert(table, (one,))] for one in some], texts=True)
        read = session.texts_by_key(table, [[str(one["id"])] for one in some])
        for i, each in enumerate(done):
            assert not isinstance(each, PlutoError), each
            if each[0].texts is not None:
                assert isinstance(read, TextsFound)
                assert each[0].texts == (read.rows[i],)
                assert role != "looks", "a condition that looks elsewhere is asked beside"
            else:
                assert each[0].rows is not None
                found = session.by_key(table, [[str(some[i]["id"])]]).result
                assert each[0].rows.rows() == found.rows()
                assert role == "looks" or some == rows[3:]
    unseen = {"id": 200, "region": "US", "day": "2024-01-01", "note": "n"}
    for texts in (True, False):
        [outcome] = session.change_each([[Insert(table, ({**unseen, "id": 200 + texts},))]], texts=texts)
        if role == "blind":
            assert not isinstance(outcome, PlutoError)
            assert outcome[0].affected == 1
            assert outcome[0].texts == () if texts else outcome[0].rows is not None and outcome[0].rows.rows() == []
        else:
            assert isinstance(outcome, Refused)
    [early, late] = session.change_each([
        [Insert(table, ({"id": 104, "region": "EU"},))], [Insert(table, ({**unseen, "id": 210},))]], texts=True)
    assert not isinstance(early, PlutoError), "one's refusal is not another's"
    assert isinstance(late, Refused if role != "blind" else list)
