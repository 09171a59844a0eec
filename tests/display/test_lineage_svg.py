"""Lineage as a picture: well-formed, without anything that a page could run or load, and readable."""

from __future__ import annotations

import itertools
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from pluto_duck.catalog.lineage import Around, Lineage, Link, Node, Part
from pluto_duck.commands.render import to_bundles
from pluto_duck.display.lineage_svg import GAP_Y, MOST, svg

SVG = "{http://www.w3.org/2000/svg}"


def chain(count: int, *more: Link, name: str = "t{}") -> Lineage:
    nodes = tuple(Node(f"main.t{i}", "table", name.format(i), ("a", "b")) for i in range(count))
    links = tuple(Link(f"main.t{i}", f"main.t{i + 1}", "view", (("a", "b", "computed"), ("b", "b", "same")))
                  for i in range(count - 1))
    return Lineage([Part(nodes, (*links, *more))])


def drawn(around: Around) -> Any:
    text = svg(around)
    assert not re.search(r"<script|\son\w+=|javascript:|<image|<foreignObject|xlink|url\(", text, re.IGNORECASE)
    assert set(re.findall(r"https?://[^\"' ]+", text)) == {"http://www.w3.org/2000/svg"}
    return ElementTree.fromstring(text)


def cards(root: Any) -> list[tuple[float, float, float, float]]:
    """x, y, width, height."""
    return [tuple(float(one.find(f"{SVG}rect").get(name)) for name in ("x", "y", "width", "height"))  # type: ignore[misc]
            for one in root.iter(f"{SVG}g")]


def test_cards_stand_left_to_right_and_none_on_another() -> None:
    root = drawn(chain(6, Link("main.t0", "main.t4", "view"), Link("main.t1", "main.t5", "view")).around("main.t2"))
    found = cards(root)
    assert len(found) == 6
    assert len({x for x, *_ in found}) == 6, "one behind the other"
    for x, y, width, height in found:
        assert 0 <= x < float(root.get("width")) - width
        assert 0 <= y <= float(root.get("height")) - height
    wide = Lineage([Part((Node("main.m", "table", "m"), *(Node(f"v{i}", "view", f"v{i}") for i in range(9))),
                         tuple(Link("main.m", f"v{i}", "view") for i in range(9)))])
    found = sorted(one for one in cards(drawn(wide.around("main.m"))) if one[0] > 100)
    assert all(b[1] - (a[1] + a[3]) >= GAP_Y - 0.1 for a, b in itertools.pairwise(found))


def test_a_column_is_drawn_with_the_columns_that_hang_on_it() -> None:
    root = drawn(chain(3).around("main.t1", "b"))
    texts = ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]
    assert texts.count("a") == 1
    assert texts.count("b") == 3
    lines = [one for one in root.iter(f"{SVG}path") if one.get("fill") == "none"]
    assert len(lines) == 3
    assert sum(one.get("stroke-dasharray") is not None for one in lines) == 1, "computed"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>{}", '"&<>{}', "\u202egpj.exe{}", "x" * 300 + "{}", "日本語テーブル{}"])
def test_odd_names_are_text(name: str) -> None:
    root = drawn(chain(3, name=name).around("main.t1"))
    titles = {one.find(f"{SVG}title").text for one in root.iter(f"{SVG}g")}
    assert len(titles) == 3
    assert "\u202e" not in "".join(root.itertext())


def test_cycles_and_very_many_are_drawn_all_the_same() -> None:
    assert len(cards(drawn(chain(4, Link("main.t3", "main.t0", "view")).around("main.t1")))) == 4
    many = drawn(chain(MOST + 40).around("main.t50"))
    assert len(cards(many)) == MOST
    assert "and 40 more" in "".join(many.itertext())


def test_a_notebook_has_the_picture_and_the_words() -> None:
    (bundle,) = to_bundles(chain(2).around("main.t0"))
    assert set(bundle) == {"image/svg+xml", "text/plain"}
    assert "is read by:" in bundle["text/plain"]
    assert "is read by:" in bundle["image/svg+xml"], "for who can't see it"
