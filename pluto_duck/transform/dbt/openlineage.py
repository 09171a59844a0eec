"""Tells of a build by OpenLineage events: the build itself, and each of its nodes as a run below it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pluto_duck.catalog.lineage import Lineage, collect, known
from pluto_duck.catalog.lineage.openlineage import Dataset, Datasets, Emitter, Job, Told, event
from pluto_duck.catalog.lineage.openlineage import emitter as configured
from pluto_duck.catalog.lineage.openlineage.datasets import namespace
from pluto_duck.errors import Cancelled, PlutoError
from pluto_duck.session import Session
from pluto_duck.transform.dbt.lineage import artifacts, keys, manifests, models
from pluto_duck.transform.dbt.model import DbtNode, DbtOptions, DbtReport

_BUILDS = ("build", "run", "seed", "snapshot", "test")
_ENDS: dict[str, Told] = {"ok": "COMPLETE", "warned": "COMPLETE", "failed": "FAIL", "skipped": "ABORT"}


@dataclass
class Build:
    """What is heard of one build."""

    session: Session
    emitter: Emitter | None
    job: Job
    report: DbtReport | None = None
    begun: set[str] = field(default_factory=set)
    ended: dict[str, dt.datetime] = field(default_factory=dict)

    def heard(self, node: DbtNode) -> None:
        if self.emitter is None:
            return
        if node.status == "running":
            self.begun.add(node.unique_id)
            self.emitter.send(event("START", self._job(node)))
        else:
            self.ended[node.unique_id] = dt.datetime.now(dt.UTC)

    def _job(self, node: DbtNode, sql: str = "") -> Job:
        return Job(self.job.namespace, f"dbt.{node.unique_id}", self.job.run_id, node.kind.upper(), "DBT", sql,
                   self.job)

    def tell(self, report: DbtReport) -> None:
        """Each node with its tables, once dbt has written down what it compiled."""
        assert self.emitter is not None
        tables = self.session.tables()
        names, sql = known(self.session, tables)
        lineage = Lineage([collect(self.session, tables, names, sql)[0],
                           models(self.session, tables, names,
                                  artifacts(self.session.workspace, [report.project]))])
        datasets = Datasets(self.session, tables)
        manifest = next((one for one, _results in manifests(self.session.workspace, [report.project])
                         if any(node.unique_id in one.get("nodes", {}) for node in report.nodes)), {})
        ids = keys(manifest, self.session.workspace)
        for node in report.nodes:
            told = manifest.get("nodes", {}).get(node.unique_id, {})
            inputs: list[Dataset] = []
            outputs: list[Dataset] = []
            if node.kind == "test":
                inputs = _tested(node, told, ids, datasets)
            elif (id := ids.get(node.unique_id)) in lineage.nodes and id is not None:
                inputs, output = datasets.made(lineage, id)
                outputs = [output]
            if node.unique_id not in self.begun:  # a hook, or a node that was skipped
                self.emitter.send(event("START", self._job(node), at=self.ended.get(node.unique_id)))
            self.emitter.send(event(
                _ENDS.get(node.status, "FAIL"), self._job(node, str(told.get("compiled_code") or "").strip()),
                at=self.ended.get(node.unique_id), inputs=inputs, outputs=outputs,
                error=node.message if node.status == "failed" else ""))


def _tested(node: DbtNode, told: Mapping[str, Any], ids: Mapping[str, str], datasets: Datasets) -> list[Dataset]:
    about = [ids[one] for one in (told.get("attached_node"), *(told.get("depends_on") or {}).get("nodes", ()))
             if one in ids]
    if not about:
        return []
    kind = (told.get("test_metadata") or {}).get("name") or node.name
    assertion: dict[str, Any] = {"assertion": str(kind), "success": node.status == "ok"}
    if told.get("column_name"):
        # dbt has it as SQL writes it.
        name = str(told["column_name"])
        assertion["column"] = name[1:-1].replace('""', '"') if name[:1] == name[-1:] == '"' else name
    if severity := (told.get("config") or {}).get("severity"):
        assertion["severity"] = str(severity).lower()
    return [datasets.table(about[0], assertions=[assertion])]


@contextmanager
def telling(session: Session, options: DbtOptions, run_id: str) -> Iterator[Build]:
    """Around a build, which puts its report there. One with a profile of its own is not told: it builds elsewhere."""
    wanted = session.actor is None and options.command in _BUILDS and not options.own_profile
    asked = session.settings["lineage.file"] or session.settings["lineage.url"]
    emitter = configured(session) if wanted and asked else None
    build = Build(session, emitter, Job(namespace(session), f"dbt.{options.command}", run_id, "JOB", "DBT"))
    if emitter is None:
        yield build
        return
    try:
        emitter.send(event("START", build.job))
        try:
            yield build
        except Cancelled as error:
            emitter.send(event("ABORT", build.job, error=error.message))
            raise
        except PlutoError as error:
            emitter.send(event("FAIL", build.job, error=error.message))
            raise
        report = build.report
        if report is None:
            return
        try:
            build.tell(report)
        except PlutoError:
            pass  # which tables there are can't be told now; how it ended can
        emitter.send(event("COMPLETE" if report.ok else "FAIL", build.job, error="" if report.ok else
                           report.problem or f"{len(report.failed)} nodes failed"))
    finally:
        emitter.close()
