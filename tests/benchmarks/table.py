"""Rows of the results table: ours beside a peer of the same run, and the promise it is held to."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    what: str
    ours: str
    peer: str
    """What it is compared with, and that one's number."""
    verdict: str
    """The ratio or difference that the promise speaks of."""
    must: str
    want: str
    held: bool

    def line(self) -> str:
        return (f"| {self.what} | {self.ours} | {self.peer} | **{self.verdict}** | {self.must} | {self.want} | "
                f"{'yes' if self.held else '**no**'} |")


HEAD = ("| what | ours | peer, same run | measured | must | want | must held |\n"
        "|---|---|---|---|---|---|---|")


def once_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def alternate(ours: Callable[[], object], peer: Callable[[], object], *, rounds: int, repeat: int = 1) -> tuple[float, float]:
    """Medians in ms of the two, taken in turns so that both see the same machine."""
    ours(), peer()
    mine, theirs = [], []
    for _ in range(rounds):
        for times, work in ((mine, ours), (theirs, peer)):
            for _again in range(repeat):
                times.append(once_ms(work))
    return statistics.median(mine), statistics.median(theirs)


def ratio(what: str, ours_ms: float, peer: str, peer_ms: float, must: float, want: float) -> Row:
    found = ours_ms / peer_ms
    return Row(what, f"{ours_ms:.2f} ms", f"{peer}: {peer_ms:.2f} ms", f"{found:.2f} x", f"{must} x", f"{want} x",
               found <= must)


def added(what: str, ours_ms: float, peer: str, peer_ms: float, must: float, want: float) -> Row:
    found = ours_ms - peer_ms
    return Row(what, f"{ours_ms:.2f} ms", f"{peer}: {peer_ms:.2f} ms", f"+{found:.2f} ms", f"+{must:g} ms",
               f"+{want:g} ms", found <= must)


def plain(what: str, ours_ms: float, must: float, want: float, *, note: str = "-") -> Row:
    return Row(what, f"{ours_ms:.0f} ms", note, f"{ours_ms:.0f} ms", f"{must:g} ms", f"{want:g} ms", ours_ms <= must)
