"""What requests that came together share: a look for each turn of the event loop, never an older one."""

from __future__ import annotations

import asyncio

import pytest

from pluto_duck.api.moment import Moment


def test_one_look_a_turn() -> None:
    moment, looks = Moment(), []

    def look() -> int:
        looks.append(len(looks))
        return len(looks)

    async def turns() -> list[int]:
        first = [moment.once("it", look), moment.once("it", look), moment.once("other", look)]
        await asyncio.sleep(0)
        return [*first, moment.once("it", look)]

    assert asyncio.run(turns()) == [1, 1, 2, 3]
    assert asyncio.run(turns()) == [4, 4, 5, 6]  # another loop knows nothing of the first
    assert (moment.once("it", look), moment.once("it", look)) == (7, 8)  # nor does a thread without one


def test_an_error_is_not_kept() -> None:
    moment = Moment()

    async def turn() -> int:
        with pytest.raises(OSError):
            moment.once("it", lambda: (_ for _ in ()).throw(OSError()))
        return moment.once("it", lambda: 7)

    assert asyncio.run(turn()) == 7
