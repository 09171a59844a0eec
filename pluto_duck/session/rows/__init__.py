"""Rows of one table, asked for and written without SQL: what REST and GraphQL stand on.

Conditions, orders and values are data; the host compiles them itself, with the policy inside its own SQL.
"""

from pluto_duck.session.rows.model import (
    Aggregate,
    All,
    AnyOf,
    Change,
    Changed,
    Compare,
    Condition,
    Delete,
    Found,
    Insert,
    Keyed,
    Measure,
    Not,
    Order,
    Page,
    Put,
    Select,
    TextsFound,
    Update,
)

__all__ = ["Aggregate", "All", "AnyOf", "Change", "Changed", "Compare", "Condition", "Delete", "Found", "Insert",
           "Keyed", "Measure", "Not", "Order", "Page", "Put", "Select", "TextsFound",
           "Update"]
