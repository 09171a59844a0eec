"""The first draft of a semantic file: what the catalog can tell, and what to write where it can't."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pluto_duck.catalog.model import Column, Table
from pluto_duck.catalog.semantics.naming import adds_up, clear_date, dates, row
from pluto_duck.catalog.semantics.suggesting import about, by_values, column_name, metric, name_of, total
from pluto_duck.catalog.semantics.writing import flow, scalar
from pluto_duck.session import Session

if TYPE_CHECKING:
    from pluto_duck.catalog import Catalog

MAX_CODES = 12
MAX_CODE = 3
_HEAD = """\
# What people call the data of this workspace. Every planner reads it; docs/semantics.md tells all of it.
# A first draft from names, comments and values: mend it, and take away what is not so. Lines behind # don't count.
# `pluto-duck semantics check` says what does not fit or is ambiguous, `... suggest` what could be added.
version: 1
"""


def draft(catalog: Catalog, session: Session) -> str:
    """A whole file; without tables a hint how to begin."""
    parts = [_HEAD]
    if catalog.tables:
        parts += ["tables:", *(line for table in catalog.tables for line in _table(table, catalog, session))]
    else:
        parts += ["# There are no tables yet: load some, then delete this file and call `semantics init` again."]
    parts += ["", *_metrics(catalog), "", *_terms(), "", *_joins(catalog, session), "",
              "# Questions that were checked, with the SQL that answers them:", "# questions:",
              "#   - {question: How many are there?, sql: SELECT count(*) FROM ...}"]
    return "\n".join(parts) + "\n"


def _table(table: Table, catalog: Catalog, session: Session) -> Iterator[str]:
    yield f"  {scalar(name_of(table.ref))}:"
    yield f"    name: {scalar(row(table))}"
    yield "    # synonyms: []"
    said = table.description or table.comment
    yield f"    description: {scalar(said)}" if said else "    # description: ..."
    yield from _date(table)
    columns = [line for column in table.columns for line in _column(column, table, catalog, session)]
    if any(not line.lstrip().startswith("#") for line in columns):
        yield "    columns:"
    elif columns:
        yield "    # columns:"
    yield from columns


def _date(table: Table) -> Iterator[str]:
    found, clear = [one.name for one in dates(table)], clear_date(table)
    others = [one for one in found if one != clear]
    if clear is not None:
        yield f"    date: {scalar(clear)}" + (f"  # not {', '.join(others)}?" if others else "")
    elif found:
        yield f"    # date: {scalar(found[0])}  # or {', '.join(found[1:])}: which one does \"in May\" mean?"


def _column(column: Column, table: Table, catalog: Catalog, session: Session) -> Iterator[str]:
    told = about(column, table)
    if column.description or column.comment:
        told["description"] = column.description or column.comment
    if told:
        yield f"      {scalar(column.name)}: {flow(told)}"
    codes = _codes(column, table, catalog, session)
    if codes:
        empty = ", ".join(f"{scalar(code)}: []" for code in codes)
        yield f"      # {scalar(column.name)}: {{values: {{{empty}}}}}  # what do people call them?"


def _codes(column: Column, table: Table, catalog: Catalog, session: Session) -> list[str]:
    """The values of a column that look like codes nobody says."""
    if not column.textual or column.role == "key" or column.unique or not 0 < column.distinct <= MAX_CODES:
        return []
    values = catalog.values_of(session, table.ref, column.name)
    return values if values and all(len(one) <= MAX_CODE for one in values) else []


def _metrics(catalog: Catalog) -> list[str]:
    lines = ["# Measures with a name. Guessed from names; those that are right lose their #:", "# metrics:"]
    found = [f"#   {scalar(total(column, table))}: {flow(metric(column, table))}"
             for table in catalog.tables for column in table.columns if adds_up(column)]
    return lines + (found or ["#   revenue: {table: orders, expression: sum(amount), filter: \"NOT cancelled\"}"])


def _terms() -> list[str]:
    return ["# Conditions with a name:", "# terms:",
            "#   active customer: {table: customers, filter: \"left_on IS NULL\", synonyms: [live customer]}"]


def _joins(catalog: Catalog, session: Session) -> list[str]:
    declared = [one for one in catalog.relations if one.declared]
    found = [(one.child, one.child_column, one.parent, one.parent_column) for one in catalog.relations
             if not one.declared]
    taken = {(one.child.key, one.child_column) for one in catalog.relations}
    lines = [f"  - {{from: {scalar(f'{name_of(a)}.{column_name(b)}')}, to: {scalar(f'{name_of(c)}.{column_name(d)}')}}}"
             for a, b, c, d in found]
    guessed = [f"  # - {{from: {scalar(f'{name_of(one.child.ref)}.{column_name(one.child_column)}')}, "
               f"to: {scalar(f'{name_of(one.parent.ref)}.{column_name(one.parent_column)}')}}}  # by its values alone"
               for one in by_values(catalog, session, taken)]
    known = f"# {len(declared)} declared keys are known without being here.\n" if declared else ""
    head = f"{known}# From many rows to one, as names and values agree:"
    return [head, "joins:" if lines else "# joins:", *(lines or ["#   - {from: orders.customer_id, to: customers.id}"]),
            *guessed]
