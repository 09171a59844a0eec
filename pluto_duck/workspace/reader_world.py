"""What a reader reads: an in-memory DuckDB with packs attached, which can reach nothing else from then on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pluto_duck.errors import PlutoError
from pluto_duck.workspace.database import Instance, Watchdog
from pluto_duck.workspace.engine_errors import translated
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.parser import Parser
from pluto_duck.workspace.tableref import TableRef, fold, quote


class World(Instance):
    """In a catalog of the same name as the workspace's own, `tables` stand under their names."""

    def __init__(self, parser: Parser, watchdog: Watchdog, *, catalog: str, packs: Mapping[str, str],
                 tables: Iterable[tuple[TableRef, str, str]], definitions: Iterable[str], memory_mb: int,
                 threads: int) -> None:
        """`packs`: name -> path. `tables`: (its name, the pack, its name there). `definitions`: the owner's types,
        macros and views; one that does not work here is left out. Raises WorkspaceUnusable and StatementError for a
        file that is no pack."""
        import duckdb

        super().__init__(parser, watchdog)
        with translated():
            self._root = duckdb.connect(":memory:", config={
                "threads": str(threads), "memory_limit": f"{memory_mb}MB", "temp_directory": "",
                "python_enable_replacements": "false",
                "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
                "allow_community_extensions": "false"})
        try:
            for name, path in packs.items():
                self._run(f"ATTACH {to_sql(encode(path))} AS {quote(name)} (READ_ONLY)")
            self._run(f"ATTACH ':memory:' AS {quote(catalog)}")
            self._run("SET enable_external_access = false")
            self._run("SET lock_configuration = true")
            self.locked = True
            self._run(f"USE {quote(catalog)}.main")
            schemas = {"main"}
            for table, pack, there in tables:
                if fold(table.schema) not in schemas:
                    schemas.add(fold(table.schema))
                    self._run(f"CREATE SCHEMA IF NOT EXISTS {quote(catalog)}.{quote(table.schema)}")
                self._run(f"CREATE VIEW {quote(catalog)}.{table.sql} AS FROM {quote(pack)}.main.{quote(there)}")
            for one in definitions:
                try:
                    self._run(one)
                except PlutoError:
                    pass
        except BaseException:
            self.close()
            raise

    def _run(self, sql: str) -> Any:
        with translated(sql):
            return self._root.execute(sql)

    def close(self) -> None:
        self._root.close()
