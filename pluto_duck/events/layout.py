"""The Journal's tables in `_pluto`. They commit with the rows whose changes they tell.

A commit's number is known only at its COMMIT, so changes carry the number of their transaction (`tx`), which the host
gives out, and `change_log` says which commit it became.
"""

from __future__ import annotations

SETUP = (
    # The tables whose changes are kept, by name: a table made anew under it stays tracked. `key_columns` as declared;
    # [] where whole rows are told apart.
    "CREATE TABLE IF NOT EXISTS _pluto.tracked "
    "(table_key VARCHAR NOT NULL, schema_name VARCHAR NOT NULL, table_name VARCHAR NOT NULL, "
    "key_columns VARCHAR[] NOT NULL, before BOOLEAN NOT NULL, started_seq BIGINT NOT NULL)",
    # Each shape that a tracked table has had; the changes made under it stand in `_pluto.changes_<shape>`.
    "CREATE TABLE IF NOT EXISTS _pluto.change_shapes "
    "(shape BIGINT NOT NULL, table_key VARCHAR NOT NULL, version BIGINT NOT NULL, "
    "columns STRUCT(name VARCHAR, type VARCHAR)[] NOT NULL, key_columns VARCHAR[] NOT NULL, before BOOLEAN NOT NULL)",
    # What concerns a table as a whole: t, schema, drop, resync. `detail` is JSON: of schema {before, after}, the
    # columns as [[name, type], ...]; of resync {why}.
    "CREATE TABLE IF NOT EXISTS _pluto.change_marks "
    "(tx BIGINT NOT NULL, n BIGINT NOT NULL, table_key VARCHAR NOT NULL, op VARCHAR NOT NULL, shape BIGINT, "
    "detail VARCHAR)",
    # One row for each commit that has changes.
    "CREATE TABLE IF NOT EXISTS _pluto.change_log "
    "(seq BIGINT NOT NULL, tx BIGINT NOT NULL, at_ms BIGINT NOT NULL, actor VARCHAR, run VARCHAR, label VARCHAR, "
    "changes BIGINT NOT NULL)",
    # One row once something was trimmed: the newest commit whose changes are gone.
    "CREATE TABLE IF NOT EXISTS _pluto.change_trim (seq BIGINT NOT NULL)",
)


def changes_table(shape: int) -> str:
    """The name, in `_pluto`, of the table with the rows of one shape."""
    return f"changes_{int(shape)}"


def changes_ddl(shape: int, row: str) -> str:
    """`row`: the STRUCT type of a row of the tracked table. `n` numbers the changes of a transaction over all tables,
    from 1. `before` is NULL for c, and for u where it is not kept; of a d without kept rows it has the key columns
    alone. `after` is NULL for d."""
    return (f"CREATE TABLE _pluto.{changes_table(shape)} "
            f"(tx BIGINT NOT NULL, n BIGINT NOT NULL, op VARCHAR NOT NULL, before {row}, after {row})")
