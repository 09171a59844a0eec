"""test_schemathesis.py with many more requests. A file of its own: what is made up for each operation is made up when the
tests are collected, in every process of a run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_schemathesis import _ask, by_key, rounds, schema, served  # noqa: F401
from tests.serving import Served

pytestmark = pytest.mark.soak


@schema.parametrize()
@rounds(150)
def test_many_requests_get_what_is_described(case: Any, served: Served) -> None:  # noqa: F811
    _ask(case, served, "owner")


@by_key.parametrize()
@rounds(150)
def test_many_requests_by_key_get_what_is_described(case: Any, served: Served) -> None:  # noqa: F811
    _ask(case, served, "key")
