"""A run's rows: from what was computed before where nothing they hang on has moved, else computed and kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pluto_duck.governance.seal import seal

if TYPE_CHECKING:
    from pluto_duck.runs.cache import ResultCache
    from pluto_duck.runs.context import RunContext
    from pluto_duck.runs.model import Run
    from pluto_duck.session import Stamp
    from pluto_duck.workspace import Workspace


SHARED = ("statement", "truncated", "truncated_by")
"""Facts that a hit has from the run that computed its rows."""


def answered(run: RunContext, cache: ResultCache | None, stamp: Callable[[], Stamp],
             compute: Callable[[], dict[str, Any]], *, look: bool = True) -> dict[str, Any]:
    """The facts of the run, `cache` among them: hit, miss, or bypass with the reason in `cache_why`.

    `compute` writes the run's rows. `look=False` computes in any case; others may still have the answer.
    """
    if cache is None:
        return compute() | {"cache": "bypass", "cache_why": "it is switched off"}
    before = stamp()
    if not before.key:
        return compute() | {"cache": "bypass", "cache_why": before.why}
    with ExitStack() as turn:
        turn.enter_context(cache.turn(before.key, run.check))
        kept = cache.find(before.key, run.rows_file) if look else None
        if kept is not None:
            return run.write_kept(kept, {"cache": "hit", "data": kept.data})
        facts = compute()
        mine = turn.pop_all()

    def keep() -> None:
        of = run.versions or {}
        with mine:  # who waits for the same finds it
            if run.columns is None or stamp() != before or any(before.tables.get(one) != of[one] for one in of):
                return  # it may be newer than the stamp, of an older snapshot, or of rules that hold no longer
            cache.keep(before.key, run.rows_file, columns=run.columns, batches=tuple(run.batches),
                       data=own_data(run.workspace, run.run_id),
                       facts={name: facts[name] for name in SHARED if name in facts})

    run.afterwards(keep)  # nobody who follows the run waits for it
    return facts | {"cache": "miss"}


def own_data(workspace: Workspace, run_id: str) -> str:
    """What the rows are known by that a run has computed itself."""
    return seal(workspace, "data", run_id)[:32]


def data_of(workspace: Workspace, run: Run) -> str:
    """What its rows are known by: the same for all runs that share them."""
    return str(run.facts.get("data") or own_data(workspace, run.run_id))
