"""What models cost, and when a question has cost enough."""

from __future__ import annotations

import pytest

from pluto_duck.agent.budget import Budget, Spent, Usage, parsed, price_of
from pluto_duck.errors import SettingError


def test_a_model_is_known_with_and_without_the_date_of_its_version() -> None:
    assert price_of("claude-haiku-4-5-20251001") == price_of("claude-haiku-4-5") is not None
    assert price_of("nobody-knows-it") is None


def test_a_setting_overrules_the_table() -> None:
    price = price_of("claude-haiku-4-5", "claude-haiku-4-5=2/8, mine=1/2/0.5/3")
    assert price is not None
    assert (price.read, price.written, price.cache_read) == (2, 8, pytest.approx(0.2))
    assert (parsed("mine=1/2/0.5/3")["mine"].cache_read, parsed("mine=1/2/0.5/3")["mine"].cache_write) == (0.5, 3)


@pytest.mark.parametrize("text", ["mine", "mine=1", "=1/2", "mine=a/b", "mine=-1/2"])
def test_a_price_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="MODEL=READ/WRITTEN"):
        parsed(text)


def test_the_cache_is_paid_for_at_its_own_price() -> None:
    budget = Budget("m", max_tokens=0, max_usd=0, prices="m=10/50")
    budget.note(Usage(100, 10, 1000, 200))
    assert budget.usd == pytest.approx((100 * 10 + 10 * 50 + 1000 * 1 + 200 * 12.5) / 1e6)
    budget.close()
    budget.note(Usage(1, 0))
    assert budget.cost().input_tokens == 1301


def test_a_reply_gets_what_is_left_and_no_more() -> None:
    budget = Budget("m", max_tokens=5000, max_usd=0, prices="m=1/1")
    assert budget.room(1000, 4096) == 4000
    budget.note(Usage(3000, 500))
    budget.close()
    with pytest.raises(Spent, match="3,000 tokens read, 500 written"):
        budget.room(1000, 4096)  # the next request reads at least what this one read
