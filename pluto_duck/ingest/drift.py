"""The columns that come against those of the table that is there: what has to change, or why it must not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pluto_duck.errors import UsageError, nearest
from pluto_duck.ingest.connectors import SourceTable
from pluto_duck.ingest.options import Columns
from pluto_duck.ingest.widening import as_far, whole_digits, wider
from pluto_duck.session import Session, TableInfo
from pluto_duck.workspace import quote
from pluto_duck.workspace.tableref import fold


@dataclass
class Fit:
    columns: list[tuple[str, str]] = field(default_factory=list)
    """What is written: (name, type) as the table has them once it has been altered."""
    alters: list[str] = field(default_factory=list)
    """SQL, before the first row: DuckDB 1.5 can't alter a table that the transaction has changed."""
    remake: dict[str, str] = field(default_factory=dict)
    """Columns of a key with the wider type they need, which DuckDB can't alter in place."""
    said: list[str] = field(default_factory=list)


def fit(table: SourceTable, existing: TableInfo, rule: Columns, *, own: Sequence[str] = ()) -> Fit:
    """`own`: columns of the table that the load fills itself. Raises UsageError naming each difference
    that the rule forbids, or that can't be bridged."""
    there = {fold(column.name): column for column in existing.columns if fold(column.name) not in own}
    coming = {fold(column.name): column for column in table.columns}
    keyed = {fold(name) for name in existing.primary_key} | {fold(n) for names in existing.unique for n in names}
    found, drifts, bad = Fit(), [], []
    alter = f"ALTER TABLE {existing.ref.sql}"
    for key, column in coming.items():
        old = there.get(key)
        if old is None:
            drifts.append(f"{column.name} is new")
            if rule == "evolve":
                found.alters.append(f"{alter} ADD COLUMN {quote(column.name)} {column.type}")
                found.columns.append((column.name, column.type))
                found.said.append(f"the column {column.name} is new, empty in older rows")
            elif rule == "discard":
                found.said.append(f"the column {column.name} was left out")
            continue
        kind = old.type
        wide = wider(kind, column.type) or as_far(kind, column.type)
        if wide != kind:
            drifts.append(f"{column.name} was {_short(kind)} and comes as {_short(column.type)}")
            if wide is None or rule != "evolve":
                bad.append((column.name, column.type, old.type))
                continue
            kind = wide
            found.said.append(f"the column {old.name} was widened from {_short(old.type)} to {_short(wide)}")
            if key in keyed:
                found.remake[old.name] = wide
            else:
                using = f" USING {quote(old.name)}::VARCHAR::{wide}" if wide.startswith("ENUM(") else ""
                found.alters.append(f"{alter} ALTER COLUMN {quote(old.name)} TYPE {wide}{using}")
        found.columns.append((old.name, kind))
    gone = [column for key, column in there.items() if key not in coming]
    drifts += [f"{lost.name} is gone" for lost in gone]
    if rule == "freeze" and drifts:
        extra = [column.name for key, column in coming.items() if key not in there]
        raise UsageError(f"The columns of {table.name} are not those of the table {existing.ref}: "
                         f"{'; '.join(drifts)}.", hint=_frozen_hint([lost.name for lost in gone], extra),
                         unknown=extra, missing=[lost.name for lost in gone])
    if bad:
        _refuse(table, existing, bad)
    for lost in gone:
        if fold(lost.name) in {fold(name) for name in existing.primary_key}:
            raise UsageError(f"{table.name} has no column {lost.name}, which is part of the key of {existing.ref}.",
                             hint="Load with --mode replace, or into another table with --into.")
        found.said.append(f"the source has no column {lost.name}: empty in new rows")
        if not lost.nullable and rule == "evolve":
            found.alters.append(f"{alter} ALTER COLUMN {quote(lost.name)} DROP NOT NULL")
    return found


def _refuse(table: SourceTable, existing: TableInfo, bad: Sequence[tuple[str, str, str]]) -> None:
    said = "; ".join(f"{table.name}.{name} comes as {_short(kind)}, but {existing.ref} holds it as {_short(old)}"
                     for name, kind, old in bad)
    name, kind, old = bad[0]
    hint = f"Cast it at the source: --cast {name}=TYPE; or load with --mode replace."
    if kind == "VARCHAR" and old.startswith("DECIMAL("):
        hint = (f"{name} now holds what is no number of at most 38 digits (NaN, perhaps). Let it be text from now on "
                f"with --mode replace, or keep it a number with --cast '{name}={old}'.")
    raise UsageError(f"{said}.", hint=hint, column=name)


def check_digits(session: Session, existing: TableInfo, columns: Sequence[tuple[str, str]]) -> None:
    """Raises UsageError where a decimal of the table loses digits before the point to new places behind it, and
    holds a value that needs them. `columns`: (name, type) as the table will have them."""
    types = dict(columns)
    for old in existing.columns:
        kind = types.get(old.name, old.type)
        digits, before = whole_digits(kind), whole_digits(old.type)
        if digits is None or before is None or digits >= before:
            continue
        column = quote(old.name)
        found = session.internal([f"SELECT max(abs({column}))::VARCHAR FROM {existing.ref.sql}"])[0][0][0]
        if found is not None and len(found.partition(".")[0].lstrip("0")) > digits:
            raise UsageError(
                f"{existing.ref}.{old.name} is {old.type} and has to become {kind} for what comes, but it "
                f"holds {found}, which has more than {digits} digits before the point.",
                hint=f"Let it be text: --mode replace --cast {old.name}=text; or round what comes: --cast "
                     f"'{old.name}={old.type}'.", column=old.name)


def _frozen_hint(missing: Sequence[str], extra: Sequence[str]) -> str:
    close = nearest(missing[0], extra) if missing and extra else []
    if close:
        return f"Is {close[0]} the same as {missing[0]}? Rename one of them, or let columns come with --columns evolve."
    return ("Let them come with --columns evolve, leave new ones out with --columns discard, or load with "
            "--mode replace.")


def _short(kind: str) -> str:
    return kind if len(kind) <= 60 else kind[:57] + "..."
