"""Every block of docs/serve.md is run, in the order in which a newcomer types them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.newcomer import PAGE, Newcomer, blocks

pytestmark = pytest.mark.skipif(os.name != "posix" or shutil.which("curl") is None,
                                reason="needs a POSIX shell and curl")


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Newcomer, str]]:
    one = Newcomer(tmp_path_factory.mktemp("newcomer"))
    said = one.sets_up()
    with one.serves():
        yield one, said


def test_the_policy_is_tried_and_allowed(newcomer: tuple[Newcomer, str]) -> None:
    _one, said = newcomer
    assert said.count("JFK     N***") == 3
    assert "rows origin = $airport" in said
    assert "EWR" not in said


def test_curl_gets_the_masked_and_filtered_answer_that_the_page_shows(newcomer: tuple[Newcomer, str]) -> None:
    one, _said = newcomer
    tables, listed, *rest = (one.types(block) for block in blocks("sh")[2:])
    assert [found["name"] for found in json.loads(tables)["tables"]] == ["airlines", "flights"]
    asked, refused = rest
    assert listed.count("N***") == 3
    assert listed.count("JFK") == 3
    (shown,) = blocks("text")
    assert '"status": "succeeded"' in asked
    assert '"status": "answered"' in asked
    assert asked.endswith(shown)
    assert 'There is no table \\"planes\\"' in refused
    assert refused.count('"status": 404') == 1
    assert '"status": 403' in refused
    assert '"status": 401' in refused


def test_python_gets_it_as_json_and_as_arrow(newcomer: tuple[Newcomer, str]) -> None:
    one, _said = newcomer
    answered, arrow, csv, reader = (one.types(block, sys.executable, "-") for block in blocks("python"))
    assert "AVG(arr_delay)" in answered
    assert "['9E'," in answered
    assert arrow.startswith("555 timestamp[us, tz=")
    assert "['JFK']" in arrow
    assert "B6" in csv
    assert "JFK" in reader
    assert "EWR" not in reader


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_javascript_gets_it_whole_and_as_it_happens(newcomer: tuple[Newcomer, str]) -> None:
    one, _said = newcomer
    whole, stream = (one.types(block, "node", "--input-type=module", "-") for block in blocks("js"))
    assert "Number of flights" in whole
    assert "LAX" in stream
    assert stream.rstrip().endswith("succeeded")


def test_no_block_of_the_page_is_left_out() -> None:
    page = PAGE.read_text(encoding="utf-8")
    run = [block for language in ("sh", "sh serve", "python", "js", "text") for block in blocks(language)]
    assert page.count("\n```") == 2 * len(run)
