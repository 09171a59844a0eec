"""Changes: as the policy's actions go, all of a request's or none."""

from __future__ import annotations

import pytest

from pluto_duck.api.graphql.answering import May

from .conftest import Asking


def test_rows_are_inserted_changed_and_deleted(owner: Asking) -> None:
    made = owner("""mutation ($new: [secrets_insert_input!]!) {
        insert_secrets(objects: $new) {affected_rows returning {id word}}
        one: insert_secrets_one(object: {id: 9}) {id word}
        update_secrets(where: {id: {_gte: 8}}, _set: {word: "w"}) {affected_rows returning {id word}}
        update_secrets_by_pk(pk_columns: {id: 1}, _set: {word: null}) {word}
        delete_secrets(where: {id: {_eq: 9}}) {affected_rows __typename}
        delete_secrets_by_pk(id: 8) {id word} gone: delete_secrets_by_pk(id: 77) {id}}""",
                 new=[{"id": 7, "word": "'; DROP TABLE secrets; --"}, {"id": 8}])
    assert made == {
        "insert_secrets": {"affected_rows": 2, "returning": [{"id": 7, "word": "'; DROP TABLE secrets; --"}, {"id": 8, "word": None}]},
        "one": {"id": 9, "word": None},
        "update_secrets": {"affected_rows": 2, "returning": [{"id": 8, "word": "w"}, {"id": 9, "word": "w"}]},
        "update_secrets_by_pk": {"word": None}, "delete_secrets": {"affected_rows": 1, "__typename": "secrets_mutation_response"},
        "delete_secrets_by_pk": {"id": 8, "word": "w"}, "gone": None}
    assert owner.session.query("SELECT id, word FROM secrets ORDER BY id").rows() == [(1, None), (7, "'; DROP TABLE secrets; --")]


def test_changes_of_one_request_are_one_transaction(owner: Asking) -> None:
    answer = owner.whole("mutation {a: insert_secrets_one(object: {id: 5}) {id} b: insert_secrets_one(object: {id: 1}) {id}}")
    assert answer.data is None
    assert answer.errors[0]["extensions"]["code"] == "conflict"
    assert owner("{secrets {id}}") == {"secrets": [{"id": 1}]}
    assert owner('mutation {insert_secrets(objects: [{id: 1, word: "new"}], on_conflict: update) {affected_rows}}')
    assert owner('mutation {insert_secrets(objects: [{id: 1, word: "x"}], on_conflict: ignore) {affected_rows}}') == {
        "insert_secrets": {"affected_rows": 0}}
    assert owner("{secrets {word}}") == {"secrets": [{"word": "new"}]}


def test_what_was_written_is_shown_with_its_relations(owner: Asking) -> None:
    made = owner("""mutation {insert_orders_one(object: {id: 100, customer_id: 2, total: "1.5", status: sent_off, at: "2026-05-01T10:00:00",
        note: {a: [1]}}) {total status at note customer {name}}}""")
    assert made["insert_orders_one"] == {"total": "1.50", "status": "sent_off", "at": "2026-05-01T10:00:00", "note": {"a": [1]},
                                         "customer": {"name": "name 2"}}


def test_a_table_without_a_key_is_not_written(owner: Asking) -> None:
    assert "insert_sales_orders" in owner.refused("mutation {insert_sales_orders(objects: []) {affected_rows}}")["message"]


def test_a_role_writes_what_its_actions_say(eu: Asking, owner: Asking) -> None:
    served = eu.schemas.of(eu.session, None)
    assert served.schema.mutation_type is not None
    fields = {one for one in served.schema.mutation_type.fields if "notes" in one}
    assert fields == {"insert_notes", "insert_notes_one", "update_notes", "update_notes_by_pk"}
    assert not [one for one in served.schema.mutation_type.fields if "orders" in one or "items" in one]
    columns = served.schema.type_map["notes_insert_input"].fields  # type: ignore[attr-defined]
    assert set(columns) == {"id", "region", "said"}, "neither the hidden nor the masked column"
    for text in ('mutation {update_notes(where: {}, _set: {region: "US"}) {affected_rows}}',
                 'mutation {update_notes_by_pk(pk_columns: {id: 0}, _set: {region: "US"}) {id}}',
                 'mutation {insert_notes_one(object: {id: 9, region: "US"}) {id}}'):
        error = eu.refused(text)
        assert error["extensions"]["code"] == "refused"
        assert "US" not in error["message"]
    missed = eu('mutation {update_notes_by_pk(pk_columns: {id: 1}, _set: {said: "x"}) {id}}')
    assert missed == {"update_notes_by_pk": None}, "a row that it does not see"
    assert owner("{notes(order_by: {id: asc}) {said region}}")["notes"] == [
        {"said": f"said {i}", "region": ["EU", "US"][i % 2]} for i in range(4)]
    assert eu('mutation {insert_notes_one(object: {id: 9, region: "EU", said: "y"}) {id author said} '
              'update_notes(where: {id: {_lt: 9}}, _set: {said: "z"}) {returning {id author said}}}') == {
        "insert_notes_one": {"id": 9, "author": None, "said": "y"},
        "update_notes": {"returning": [{"id": i, "author": "a***", "said": "z"} for i in (0, 2)]}}


def test_a_clerk_deletes(clerk: Asking, owner: Asking) -> None:
    assert clerk("mutation {delete_items(where: {order_id: {_eq: 1}}) {affected_rows returning {line order {id}}}}") == {
        "delete_items": {"affected_rows": 3, "returning": [{"line": i, "order": {"id": 1}} for i in range(3)]}}
    assert owner("{items_aggregate(where: {order_id: {_eq: 1}}) {aggregate {count}}}")["items_aggregate"]["aggregate"]["count"] == 0


def test_a_request_that_only_reads_changes_nothing(owner: Asking) -> None:
    answer = owner.whole("mutation {delete_secrets(where: {}) {affected_rows}}", May(change=False))
    assert answer.errors[0]["extensions"]["facts"] == {"method": "GET"}
    assert not answer.began
    held = owner.whole("mutation {delete_secrets(where: {}) {affected_rows}}", May(admitted=False))
    assert (held.began, held.needs) == (False, ("writes",))
    assert owner("{secrets {id}}") == {"secrets": [{"id": 1}]}


@pytest.mark.parametrize("text", ["x'; DROP TABLE secrets; --", '"; DROP TABLE secrets; --', "\\'", "$1", "%s", "{}", "\x00", "’ OR 1=1", "NULL"])
def test_text_stays_text(reader: Asking, text: str) -> None:
    reader.session.query("UPDATE secrets SET word = 'hidden'")
    asks = ("query ($t: String!) {secrets(where: {word: {_eq: $t}}) {id}}", "query ($t: String!) {secrets(where: {word: {_like: $t}}) {id}}",
            "query ($t: String!) {secrets(where: {word: {_in: [$t]}}) {id}}",
            "query ($t: String!) {secrets_aggregate(where: {_not: {word: {_ilike: $t}}}) {aggregate {count}}}")
    for ask in asks:
        answer = reader.whole(ask, t=text)
        assert answer.data in ({"secrets": []}, {"secrets_aggregate": {"aggregate": {"count": 1}}}, None)
        assert not answer.errors or text == "\x00" or answer.errors[0]["extensions"]["code"] == "usage"
    if text != "\x00":
        reader("mutation ($t: String!) {update_secrets(where: {id: {_eq: 1}}, _set: {word: $t}) {affected_rows}}", t=text)
        assert reader("{secrets {word}}") == {"secrets": [{"word": text}]}
