"""Lineage as a picture: cards from left to right, drawn by ourselves as an SVG without script, font or network.

Its colours are those of JupyterLab's theme where it stands in a page that has one, and dark on white elsewhere: as an
image, in a mail, on paper.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pluto_duck.display.lineage import kind_of, text
from pluto_duck.display.values import visible

if TYPE_CHECKING:
    from pluto_duck.catalog.lineage import Around, Branch, Link, Node

MOST = 60
"""Cards; the nearest ones. A picture of more is read by nobody."""
WIDTH, GAP_X, GAP_Y, MARGIN = 212, 64, 18, 20
HEAD, ROW = 42, 17
COLUMNS = 6
_CHARACTERS = 25
PAPER, INK, FAINT, LINE = ("var(--jp-layout-color0, #ffffff)", "var(--jp-content-font-color1, #1f2328)",
                           "var(--jp-content-font-color2, #59636e)", "var(--jp-border-color1, #afb8c1)")
CARD, ACCENT, WARN = ("var(--jp-layout-color1, #f6f8fa)", "var(--jp-brand-color1, #0072b2)",
                      "var(--jp-warn-color1, #b35900)")
_STRIPES = {"table": "#0072B2", "view": "#56B4E9", "missing": "#B35900", "source": "#009E73", "file": "#009E73",
            "dashboard": "#CC79A7", "question": "#E69F00", "answer": "#E69F00", "role": "#8250DF", "sink": "#8250DF",
            "webhook": "#8250DF", "check": "#F0E442", "metric": "#E69F00", "term": "#E69F00", "join": "#E69F00",
            "schedule": "#8250DF", "notebook": "#CC79A7"}
"""Okabe and Ito's: told apart by colour-blind readers, on light and on dark."""


@dataclass
class Card:
    node: Node
    rank: int
    columns: tuple[str, ...]
    more: int
    y: float = 0.0

    @property
    def height(self) -> float:
        return HEAD + ROW * (len(self.columns) + bool(self.more)) + (8 if self.columns else 0)

    def at(self, column: str | None) -> float:
        """The height that a line to this column ends at."""
        if column in self.columns:
            return self.y + HEAD + ROW * self.columns.index(column) + ROW / 2
        return self.y + HEAD / 2


def svg(around: Around) -> str:
    cards, left_out = _cards(around)
    layers = _layers(cards, around.links)
    first = min(layers)
    heights = {rank: sum(one.height + GAP_Y for one in layer) - GAP_Y for rank, layer in layers.items()}
    height = max(heights.values()) + 2 * MARGIN + (20 if left_out else 0)
    width = len(range(first, max(layers) + 1)) * (WIDTH + GAP_X) - GAP_X + 2 * MARGIN
    for rank, layer in layers.items():
        y = MARGIN + (max(heights.values()) - heights[rank]) / 2
        for card in layer:
            card.y, y = y, y + card.height + GAP_Y
    words = html.escape(visible(text(around)))
    title = html.escape(visible(f"Lineage of {around.start.name}" + (f".{around.column}" if around.column else "")))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
             f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{title}" '
             'style="max-width:100%;height:auto" font-family="system-ui, -apple-system, \'Segoe UI\', sans-serif" '
             f'font-size="12"><title>{title}</title><desc>{words}</desc>',
             f'<rect width="100%" height="100%" rx="6" style="fill:{PAPER}"/>']
    parts += _lines(cards, around, first)
    parts += [_card(one, MARGIN + (one.rank - first) * (WIDTH + GAP_X), one.node.id == around.start.id, around.column)
              for one in cards.values()]
    if left_out:
        parts.append(f'<text x="{MARGIN}" y="{height - 10:.0f}" style="fill:{FAINT}">and {left_out} more, farther '
                     'away</text>')
    return "\n".join([*parts, "</svg>"])


def _cards(around: Around) -> tuple[dict[str, Card], int]:
    up, down = set(_ids(around.up)), set(_ids(around.down))
    ranks = _ranks(around, up, down)
    near = sorted(around.nodes, key=lambda one: abs(ranks.get(one.id, 0)))
    shown = near[:MOST]
    wanted: dict[str, dict[str, None]] = {one.id: {} for one in shown}
    if around.column is not None:
        wanted[around.start.id][around.column] = None
        for link in around.links:
            for above, below, _how in link.columns if not link.whole else ():
                for id, name in ((link.above, above), (link.below, below)):
                    if id in wanted and "*" not in (above, below):
                        wanted[id][name] = None
    return {one.id: Card(one, ranks.get(one.id, 0), tuple(wanted[one.id])[:COLUMNS],
                         max(0, len(wanted[one.id]) - COLUMNS)) for one in shown}, len(near) - len(shown)


def _ids(branches: Iterable[Branch]) -> Iterable[str]:
    for one in branches:
        yield one.node.id
        yield from _ids(one.branches)


def _ranks(around: Around, up: set[str], down: set[str]) -> dict[str, int]:
    """How far each node is from the start by its longest way, left of it or right; cycles are cut."""
    ranks = {around.start.id: 0}
    for _ in range(len(around.nodes)):
        before = dict(ranks)
        for link in around.links:
            if link.above in up and link.below in ranks and link.above != around.start.id:
                ranks[link.above] = max(-len(around.nodes), min(ranks.get(link.above, 0), ranks[link.below] - 1))
            if link.below in down - up and link.above in ranks and link.below != around.start.id:
                ranks[link.below] = min(len(around.nodes), max(ranks.get(link.below, 0), ranks[link.above] + 1))
        if ranks == before:
            break
    used = sorted(set(ranks.values()))
    zero = used.index(0)
    return {id: used.index(rank) - zero for id, rank in ranks.items()}


def _layers(cards: Mapping[str, Card], links: Sequence[Link]) -> dict[int, list[Card]]:
    """By rank, each in an order in which few lines cross: by the middle of its neighbours."""
    layers: dict[int, list[Card]] = {}
    for card in cards.values():
        layers.setdefault(card.rank, []).append(card)
    place = {card.node.id: float(i) for layer in layers.values() for i, card in enumerate(layer)}
    near: dict[str, list[str]] = {}
    for link in links:
        near.setdefault(link.above, []).append(link.below)
        near.setdefault(link.below, []).append(link.above)
    for _ in range(4):
        for rank in sorted(layers, key=abs):
            layer = layers[rank]
            middle = {card.node.id: _middle([place[one] for one in near.get(card.node.id, ()) if one in place
                                             and cards[one].rank != rank], place[card.node.id]) for card in layer}
            layer.sort(key=lambda card: middle[card.node.id])
            place.update({card.node.id: i - (len(layer) - 1) / 2 for i, card in enumerate(layer)})
    return layers


def _middle(places: Sequence[float], own: float) -> float:
    return sum(places) / len(places) if places else own


def _lines(cards: Mapping[str, Card], around: Around, first: int) -> Iterable[str]:
    for link in around.links:
        above, below = cards.get(link.above), cards.get(link.below)
        if above is None or below is None or above is below:
            continue
        x1 = MARGIN + (above.rank - first) * (WIDTH + GAP_X) + WIDTH
        x2 = MARGIN + (below.rank - first) * (WIDTH + GAP_X)
        ends: dict[tuple[float, float], bool] = {}
        if around.column is not None and not link.whole:
            for name, made, how in link.columns:
                if name in above.columns or made in below.columns:
                    ends.setdefault((above.at(name), below.at(made)), how == "same")
        plain = bool(ends) or (not link.whole and around.column is None)
        for (y1, y2), solid in (ends or {(above.at(None), below.at(None)): plain}).items():
            bend = max(28.0, abs(x2 - x1) / 2)
            dashes = "" if solid else ' stroke-dasharray="4 3"'
            yield (f'<path d="M{x1:.0f},{y1:.1f} C{x1 + bend:.0f},{y1:.1f} {x2 - bend:.0f},{y2:.1f} '
                   f'{x2 - 5:.0f},{y2:.1f}" fill="none" style="stroke:{LINE}" stroke-width="1.5"{dashes}/>'
                   f'<path d="M{x2 - 7:.0f},{y2 - 4:.1f} l7,4 l-7,4 z" style="fill:{LINE}"/>')


def _card(card: Card, x: float, is_start: bool, column: str | None) -> str:
    node = card.node
    edge = f'style="fill:{CARD};stroke:{ACCENT if is_start else LINE}" stroke-width="{2 if is_start else 1}"'
    said, warn = _said(node), WARN if node.note or node.kind == "missing" else FAINT
    parts = [f'<g><title>{_escaped(node.name)}{_escaped(": " + node.note) if node.note else ""}</title>'
             f'<rect x="{x:.0f}" y="{card.y:.1f}" width="{WIDTH}" height="{card.height:.1f}" rx="5" {edge}/>',
             f'<rect x="{x:.0f}" y="{card.y:.1f}" width="5" height="{card.height:.1f}" rx="2" '
             f'fill="{_STRIPES.get(node.kind, "#888888")}"/>',
             f'<text x="{x + 14:.0f}" y="{card.y + 18:.1f}" font-weight="600" style="fill:{INK}">'
             f'{_escaped(_cut(_short(node), _CHARACTERS))}</text>',
             f'<text x="{x + 14:.0f}" y="{card.y + 34:.1f}" font-size="11" style="fill:{warn}">'
             f'{_escaped(_cut(said, _CHARACTERS + 5, tail=True))}</text>']
    for i, name in enumerate(card.columns):
        strong = ' font-weight="600"' if is_start and name == column else ""
        parts.append(f'<text x="{x + 14:.0f}" y="{card.y + HEAD + ROW * i + 12:.1f}" style="fill:{INK}"{strong}>'
                     f'{_escaped(_cut(name, _CHARACTERS))}</text>')
    if card.more:
        parts.append(f'<text x="{x + 14:.0f}" y="{card.y + HEAD + ROW * len(card.columns) + 12:.1f}" '
                     f'style="fill:{FAINT}">and {card.more} more</text>')
    return "".join([*parts, "</g>"])


def _said(node: Node) -> str:
    if node.note:
        return f"{kind_of(node)}: {node.note}"
    dbt = node.fact("dbt")
    return f"{kind_of(node)}, dbt {dbt.partition(',')[2].strip() or dbt.split(' ')[0]}" if dbt else kind_of(node)


def _short(node: Node) -> str:
    return node.name.rstrip("/").rpartition("/")[2] if node.kind == "file" else node.name


def _cut(name: str, most: int, *, tail: bool = False) -> str:
    """The end tells names of one family apart: staging.stg_nycflights__flights."""
    if len(name) <= most:
        return name
    return name[:most - 1] + "…" if tail else name[:6] + "…" + name[7 - most:]


def _escaped(name: str) -> str:
    return html.escape(visible(name))
