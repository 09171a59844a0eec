"""A workspace with a canary in every cell, comment-free, and planners that ask a local server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.services.models import ModelServer

KEY = "sk-test-4711-not-a-key"

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR, tier ENUM('CANARYgold', 'CANARYtin'), joined DATE);
INSERT INTO customers VALUES (770001, 'CANARY Ada', 'CANARYgold', '1871-03-04'),
  (770002, 'CANARY Bo', 'CANARYtin', '1872-05-06'), (770003, 'it''s CANARY Cleo', 'CANARYtin', '1873-07-08');
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), amount DECIMAL(10,2),
  note VARCHAR);
INSERT INTO orders VALUES (880001, 770001, 99123.45, 'CANARY note'), (880002, 770001, 99234.56, 'CANARY one'),
  (880003, 770002, 99345.67, 'CANARY two');
COMMENT ON TABLE orders IS 'What was bought';
COMMENT ON COLUMN orders.amount IS 'in euros, with tax';
"""
CANARIES = ("CANARY", "77000", "88000", "99123", "99234", "99345", "1871", "1872", "1873")
"""Texts that stand in cells and nowhere else."""


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return KEY


Opener = Callable[..., Session]


@pytest.fixture
def shop(workspace: Workspace, models: ModelServer, key: str) -> Iterator[Opener]:
    """Opens the shop with settings by keyword: `shop("anthropic", share="rows")`."""
    opened: list[Session] = []

    def open(planner: str, **settings: Any) -> Session:
        url = models.url if planner == "anthropic" else f"{models.url}/v1"
        settings = {"planner": planner, "base_url": url, "model": "claude-haiku-4-5" if planner == "anthropic"
                    else "small-model", "deadline_s": 60.0, "api_key": "" if planner == "anthropic" else "env:OPENAI_API_KEY", **settings}
        session = Session.open(workspace.root, **{f"agent__{name}": value for name, value in settings.items()})
        opened.append(session)
        if not session.tables():
            session.query(SHOP)
        return session

    yield open
    for session in opened:
        session.close()
