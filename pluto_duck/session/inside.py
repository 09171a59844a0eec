"""Looking at a table within the transaction that fills it, before anybody else may see it.

The statement passes the Gate like any that reads only, and stands in the agent's catalog, where no macro of the
workspace's can take the place of a function. What it calls the table is a view of the moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pluto_duck.errors import PlutoError
from pluto_duck.governance.names import Names
from pluto_duck.session.targets import SCHEMA
from pluto_duck.workspace.tableref import DEFAULT_SCHEMA, TableRef, quote

if TYPE_CHECKING:
    from pluto_duck.session.handler import SessionHandler
    from pluto_duck.workspace.database import Cursor, Rows

VIEW = "pluto_arrived"


def alias(table: TableRef) -> TableRef:
    """What a statement calls it: by its own name where it can, so that an expression may name it, too."""
    return TableRef(table.name) if table.schema.casefold() == DEFAULT_SCHEMA else TableRef(VIEW)


def look(handler: SessionHandler, cursor: Cursor, own_catalog: str, table: TableRef, sql: str) -> Rows:
    """Its rows, fetched. The cursor stands in the agent's catalog afterwards; `leave` brings it back."""
    handler.agent.refresh(handler.ledger.version(SCHEMA))
    shown = alias(table)
    approved = handler.gate.approved(sql, Names([*handler.agent.names, shown]))
    source = f"{quote(own_catalog)}.{table.sql}"
    cursor.execute(f"CREATE OR REPLACE TEMP VIEW {quote(shown.name)} AS FROM {source}")
    own = frozenset(cursor.table_names(f"FROM {source}"))
    cursor.execute(f"USE {quote(handler.agent.catalog)}.{quote(DEFAULT_SCHEMA)}")
    handler.agent.check_resolved(cursor, approved.sql, approved.tables, own)
    return cursor.execute(approved.sql, select=True).keep()


def leave(cursor: Cursor, catalog: str, schema: str, table: TableRef) -> bool:
    """False where an aborted transaction forbids it, whose end takes the view away."""
    try:
        cursor.execute(f"USE {quote(catalog)}.{quote(schema)}")
        cursor.execute(f"DROP VIEW IF EXISTS temp.main.{quote(alias(table).name)}")
    except PlutoError:
        return False
    return True
