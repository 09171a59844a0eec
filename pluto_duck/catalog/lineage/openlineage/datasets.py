"""Tables, files and databases by the names that OpenLineage gives them.

Source: https://openlineage.io/docs/spec/naming
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from pluto_duck.catalog.lineage.model import TABLES, Lineage, Link
from pluto_duck.catalog.lineage.openlineage.event import Dataset
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace.blot import blotted

_PORTS = {"postgres": 5432, "mysql": 3306}
_HOW = {"same": "IDENTITY", "computed": "TRANSFORMATION", "aggregated": "AGGREGATION"}
_USES = {"filter": "FILTER", "join": "JOIN", "group": "GROUP_BY", "sort": "SORT"}


class Datasets:
    """Those of one workspace. The namespace of its tables is `duckdb://` and its name, or what the setting says."""

    def __init__(self, session: Session, tables: Sequence[TableInfo]) -> None:
        self.namespace = namespace(session)
        self._tables = {one.ref.key: one for one in tables}

    def table(self, key: str, **more: Any) -> Dataset:
        info = self._tables.get(key)
        name = f"{info.ref.schema}.{info.ref.name}" if info is not None else key
        columns = [(one.name, one.type) for one in info.columns] if info is not None else []
        return Dataset(self.namespace, name, columns, **more)

    def made(self, lineage: Lineage, key: str, *, rows: int | None = None) -> tuple[list[Dataset], Dataset]:
        """(its inputs, the table with the columns that it is made of)."""
        fields: dict[str, list[Mapping[str, Any]]] = {}
        indirect: list[Mapping[str, Any]] = []
        inputs = []
        for link in lineage.above(key):
            above = self._above(lineage, link)
            inputs.append(above)
            for name, below, how in link.columns:
                if "*" not in (name, below):
                    fields.setdefault(below, []).append(_field(above, name, "DIRECT", _HOW.get(how, "TRANSFORMATION")))
            indirect += [_field(above, name, "INDIRECT", *(_USES[kind] for kind in kinds if kind in _USES))
                         for name, kinds in link.uses if name != "*"]
        return inputs, self.table(key, fields=fields, indirect=indirect, rows=rows)

    def _above(self, lineage: Lineage, link: Link) -> Dataset:
        node = lineage.nodes[link.above]
        return self.table(node.id) if node.kind in TABLES else source(node.name)


def namespace(session: Session) -> str:
    return str(session.settings["lineage.namespace"]) or f"duckdb://{session.workspace.name}"


def source(shown: str, table: str = "", columns: Sequence[tuple[str, str]] = ()) -> Dataset:
    """Of a source as it may be shown: an address without its password, or a path."""
    try:
        parts = urlsplit(shown)
        port = parts.port
    except ValueError:
        return Dataset("file", blotted(shown), columns)
    scheme = parts.scheme.removesuffix("ql") if parts.scheme == "postgresql" else parts.scheme
    if not parts.netloc:
        return Dataset("file", blotted(shown), columns)
    host = parts.hostname or ""
    if scheme in _PORTS:
        if scheme == "postgres" and table and "." not in table:
            table = f"public.{table}"  # as loads call it: of the schema that needs no name
        name = ".".join(part for part in (parts.path.strip("/"), table) if part)
        return Dataset(f"{scheme}://{host}:{port or _PORTS[scheme]}", name or "?", columns)
    return Dataset(f"{scheme}://{host}{f':{port}' if port else ''}", parts.path.lstrip("/") or "/", columns)


def _field(above: Dataset, name: str, kind: str, *subtypes: str) -> dict[str, Any]:
    return {"namespace": above.namespace, "name": above.name, "field": name,
            "transformations": [{"type": kind, "subtype": one} for one in subtypes]}
