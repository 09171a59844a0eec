"""The Gate: what every statement must pass before it runs. (First slice: classification and one SELECT.)"""

from __future__ import annotations

from pluto_duck.errors import Refused
from pluto_duck.workspace.parser import Parser, Statement

# Refused to everyone: `enable_logging` ends in a SIGABRT of the process on 1.5, the rest are its kin.
FORBIDDEN = {"enable_logging", "disable_logging", "set_log_storage", "write_log", "truncate_duckdb_logs"}


class Gate:
    """One for each host. Holds no grants: those come with each check."""

    def __init__(self, parser: Parser) -> None:
        self.parser = parser

    def statements(self, sql: str) -> list[Statement]:
        """The statements of a text, classified by DuckDB's own parser, after what nobody may do."""
        for token in self.parser.tokens(sql):
            if token.kind in ("identifier", "keyword") and token.text.strip('"').lower() in FORBIDDEN:
                raise Refused(f"{token.text} is refused: it can end the process that holds the database.")
        return self.parser.statements(sql)

    def read_only(self, sql: str, names: frozenset[str]) -> str:
        """The SQL to run for a read-only actor; raises Refused. `names`: keys `schema.table` of the role."""
        statements = self.statements(sql)
        if len(statements) != 1 or statements[0].type != "SELECT" or self.parser.tree(sql).get("error"):
            raise Refused("Only one SELECT may run here.", hint="Write a single SELECT statement.")
        return sql
