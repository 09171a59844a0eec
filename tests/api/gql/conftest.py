"""A shop over GraphQL, as its owner and as whoever holds a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pluto_duck.api.graphql.answering import Answer, Asked, May, begin
from pluto_duck.api.graphql.limits import Limits
from pluto_duck.api.graphql.serving import Schemas
from pluto_duck.governance import Actor, trust
from pluto_duck.governance.keys import Keys
from pluto_duck.governance.policy.file import FILE, wanted
from pluto_duck.governance.policy.reading import read
from pluto_duck.session import Session
from pluto_duck.workspace import ControlStore, Workspace, create

TABLES = """
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, region VARCHAR, card VARCHAR);
    CREATE TABLE orders (id BIGINT PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), total DECIMAL(10, 2),
        status ENUM ('new', 'paid', 'sent off'), at TIMESTAMP, note JSON);
    CREATE TABLE items (order_id BIGINT REFERENCES orders (id), line INTEGER, price DOUBLE,
        PRIMARY KEY (order_id, line));
    CREATE TABLE secrets (id INTEGER PRIMARY KEY, word VARCHAR);
    CREATE TABLE notes (id INTEGER PRIMARY KEY, region VARCHAR, author VARCHAR, pin VARCHAR, said VARCHAR);
    INSERT INTO notes SELECT i, ['EU', 'US'][1 + i % 2], 'author', 'pin', 'said ' || i FROM range(4) t (i);
    CREATE SCHEMA sales; CREATE TABLE sales.orders (a INTEGER);
    INSERT INTO customers SELECT i, 'name ' || i, ['EU', 'US'][1 + i % 2], 'card ' || i FROM range(6) t (i);
    INSERT INTO orders SELECT i, CASE WHEN i % 7 = 6 THEN NULL ELSE i % 6 END, i * 1.25, ['new', 'paid', 'sent off'][1 + i % 3],
        TIMESTAMP '2026-01-01' + INTERVAL (i) HOUR, '{"n": ' || i || '}' FROM range(30) t (i);
    INSERT INTO items SELECT i // 3, i % 3, i / 4 FROM range(90) t (i);
    INSERT INTO secrets VALUES (1, 'hidden')
"""
POLICY = """
version: 1
roles:
  eu:
    grants:
      - {tables: customers, actions: [read, ask, insert, update], rows: region = $region, hide: card,
         masks: {name: partial}}
      - {tables: [orders, items], actions: [read, ask]}
      - {tables: notes, actions: [read, insert, update], rows: region = $region, hide: pin, masks: {author: partial}}
  clerk:
    grants:
      - {tables: [customers, orders, items], actions: [read, insert, update, delete]}
  none: {}
"""


class Asking:
    """Asks without a server."""

    def __init__(self, session: Session, **limits: int) -> None:
        self.session, self.schemas, self.limits = session, Schemas(), Limits(**limits)

    def whole(self, text: str, may: May = May(), **variables: Any) -> Answer:  # noqa: B008
        served = self.schemas.of(self.session, None)
        return begin(self.session, served, Asked(text, variables), may, self.limits)

    def __call__(self, text: str, **variables: Any) -> dict[str, Any]:
        """The data, of which nothing may be wrong."""
        answer = self.whole(text, **variables)
        assert not answer.errors, answer.errors
        assert answer.data is not None
        return json.loads(json.dumps(answer.data))  # type: ignore[no-any-return]

    def refused(self, text: str, **variables: Any) -> dict[str, Any]:
        """The first error."""
        answer = self.whole(text, **variables)
        assert answer.errors
        return answer.errors[0]


def furnished(workspace: Workspace) -> Workspace:
    (workspace.root / FILE).write_text(POLICY, encoding="utf-8")
    trust.grant(workspace, FILE, wanted(read(POLICY)[1]))
    with Session.open(workspace.root) as session:
        session.query(TABLES.replace(" at TIMESTAMP", ' "at" TIMESTAMP'))
    return workspace


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    return furnished(workspace)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """The owner's session in a shop that the tests of a file share: for those that change nothing."""
    folder = tmp_path_factory.mktemp("standing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUTODUCK_HOME", str(folder / "home"))
        shop = furnished(create(folder / "workspace"))
    with Session.open(shop.root) as session:
        yield session


@pytest.fixture
def reader(standing: Session) -> Asking:
    """Asks it as one that has asked nothing before."""
    return Asking(standing)


@pytest.fixture
def owner(shop: Workspace) -> Iterator[Asking]:
    with Session.open(shop.root) as session:
        yield Asking(session)


@pytest.fixture
def eu(shop: Workspace) -> Iterator[Asking]:
    with Session.open(shop.root, actor=Actor("key", "k", ("eu",), {"region": "EU"})) as session:
        yield Asking(session)


@pytest.fixture
def clerk(shop: Workspace) -> Iterator[Asking]:
    with Session.open(shop.root, actor=Actor("key", "c", ("clerk",))) as session:
        yield Asking(session)


@pytest.fixture
def keys(shop: Workspace) -> Iterator[Keys]:
    found = Keys(ControlStore(shop.control), shop)
    yield found
    found.close()
