"""Many small tables in few transactions: a commit of its own costs a small table more than its rows.

Each table stays atomic by itself. Where one of a group fails, nothing of the group has been committed, and
its tables are loaded once more, one by one, so that the others arrive and the error is that of the one.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pluto_duck.errors import Cancelled, PlutoError
from pluto_duck.ingest.carry import TableJob, note
from pluto_duck.ingest.report import LoadedTable
from pluto_duck.ingest.supply import Supply
from pluto_duck.session import Session

SMALL_BYTES = 1 << 20
MOST = 16
"""Tables of one transaction: with more of them little is saved, and what one failure repeats grows."""


def groups(jobs: Sequence[TableJob], workers: int) -> Iterator[list[TableJob]]:
    """The jobs in their order, small tables that are made anew beside each other; every worker gets some."""
    size = max(1, min(MOST, len(jobs) // max(1, workers)))
    group: list[TableJob] = []
    for job in jobs:
        if not _small(job):
            yield [job]
            continue
        group.append(job)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def bring(jobs: Sequence[TableJob], supply: Supply, worker: Session,
          arrived: Callable[[TableJob, LoadedTable | PlutoError], None]) -> None:
    """`arrived` is told of each table once it is committed or has failed. Raises Cancelled."""
    if len(jobs) > 1:
        token, done = uuid.uuid4().hex, []
        try:
            with worker.transaction(token):
                for job in jobs:
                    supply.check()
                    done.append(replace(job, token=token).bring(supply, worker))
                note(worker, list(zip(jobs, done, strict=True)))
        except Cancelled:
            raise
        except PlutoError:
            pass  # whose it is will be seen below
        else:
            for job, one in zip(jobs, done, strict=True):
                job.published(worker, one)
                job.common.meter.done(job.load.table, one.rows)
                arrived(job, one)
            return
    for job in jobs:
        supply.check()
        try:
            arrived(job, job.run(supply, worker))
        except Cancelled:
            raise
        except PlutoError as error:
            arrived(job, error)


def _small(job: TableJob) -> bool:
    size = job.load.table.size_bytes
    return job.anew and not job.waits and size is not None and size <= SMALL_BYTES
