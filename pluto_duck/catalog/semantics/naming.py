"""What names and comments of columns say about the words and units people would use. Guesses, for a person to read."""

from __future__ import annotations

import re

from pluto_duck.catalog.model import Column, Table
from pluto_duck.catalog.words import entity, pieces, singular, split

_SHORT = {
    "acct": "account", "addr": "address", "alt": "altitude", "amt": "amount", "arr": "arrival", "avg": "average",
    "bal": "balance", "cat": "category", "cnt": "count", "ctry": "country", "curr": "currency", "cust": "customer",
    "del": "delivery", "dep": "departure", "dept": "department", "desc": "description", "dest": "destination",
    "disc": "discount", "dob": "birth date", "dt": "date", "emp": "employee", "est": "estimated", "inv": "invoice",
    "lang": "language", "lat": "latitude", "lon": "longitude", "mgr": "manager", "msg": "message", "nr": "number",
    "num": "number", "ord": "order", "org": "organisation", "orig": "original", "pct": "percent", "pmt": "payment",
    "prev": "previous", "prod": "product", "qty": "quantity", "ref": "reference", "sched": "scheduled",
    "src": "source", "temp": "temperature", "tot": "total", "trx": "transaction", "txn": "transaction",
    "usr": "user", "vol": "volume", "wh": "warehouse", "wt": "weight",
}
_UNITS = {
    "eur": "EUR", "usd": "USD", "gbp": "GBP", "chf": "CHF", "jpy": "JPY", "cent": "cents", "pct": "%", "percent": "%",
    "kg": "kg", "km": "km", "cm": "cm", "mm": "mm", "ms": "ms", "sec": "seconds", "second": "seconds",
    "minute": "minutes", "hour": "hours", "day": "days", "mile": "miles", "litre": "litres",
}
_IN_COMMENT = re.compile(
    r"(?:\(|\bin )(EUR|USD|GBP|CHF|JPY|euros?|dollars?|(?:euro )?cents|percent|kg|km|cm|mm|ms|seconds|minutes|hours"
    r"|days|miles|metres|meters|litres)\b", re.I)
_ADDED_UP = {"amount", "amt", "total", "tot", "revenue", "sale", "turnover", "cost", "quantity", "qty", "fee", "tax",
             "refund", "payment", "profit", "spend", "spending", "unit", "hour", "minute", "freight"}
_NOT_ADDED_UP = {"price", "rate", "percent", "pct", "average", "avg", "balance", "limit", "score", "rating", "age",
                 "ratio", "level", "min", "max", "local"}
_WHEN = ("created", "ordered", "placed", "issued", "occurred", "started", "opened", "signed", "date", "day", "month",
         "time", "timestamp", "happened", "booked", "sold")
_END = {"left", "retired", "expire", "expiry", "canceled", "cancelled", "discontinued", "closed", "end", "ended", "due",
        "deleted", "removed", "churned", "birth", "dob", "to", "until", "updated", "modified", "deactivated"}
"""Dates of another moment than the one that counts."""


def called(column: Column, table: Table) -> str:
    """A name in words, where the column's own is none that anybody says; empty where it is."""
    words = split(column.name)
    said = [part for word in words for part in _SHORT.get(word, word).split()]
    if len(said) > 1 and words[-1] in _UNITS and column.numeric:
        said = said[:-1]
    elif said == list(words):
        return _from_comment(column)
    return "" if tuple(said) in (words, entity(table.ref.name)) else " ".join(said)


def _from_comment(column: Column) -> str:
    """A comment of two or three plain words is a name."""
    words = column.comment.strip().rstrip(".").split()
    plain = len(words) in (2, 3) and all(word.isalpha() for word in words)
    return " ".join(words).lower() if plain and split("_".join(words)) != split(column.name) else ""


def unit(column: Column) -> str:
    if not column.numeric or column.role == "key":
        return ""
    found = _IN_COMMENT.search(column.comment)
    if found is not None:
        return {"percent": "%", "euro": "EUR", "euros": "EUR"}.get(found[1].lower(), found[1])
    words = split(column.name)
    return _UNITS.get(words[-1], "") if len(words) > 1 else ""


def adds_up(column: Column) -> bool:
    """The sum over rows means something: amounts do, prices don't."""
    words = set(split(column.name))
    if "unit" in words and len(words) > 1:
        return False  # what one of them costs
    return column.role == "measure" and bool(words & _ADDED_UP) and not words & _NOT_ADDED_UP


def row(table: Table) -> str:
    words = pieces(table.ref.name)[-len(entity(table.ref.name)):]
    words[-1] = singular(words[-1])
    return " ".join(_SHORT.get(word, word) for word in words)


def dates(table: Table) -> list[Column]:
    """The columns that could be its default date, the likeliest first; parts of dates are none."""
    own = entity(table.ref.name)
    found = [one for one in table.columns if one.role == "date" and one.part is None]
    return sorted(found, key=lambda one: _rank(split(one.name), own))


def _rank(words: tuple[str, ...], own: tuple[str, ...]) -> int:
    if _END & set(words):
        return len(_WHEN) + 1
    if any(word.startswith(own[-1][:5]) for word in words):
        return -1  # ordered_at of orders
    return min((_WHEN.index(word) for word in words if word in _WHEN), default=len(_WHEN))


def clear_date(table: Table) -> str | None:
    """The one that would be meant, where there is no doubt."""
    found = dates(table)
    own = entity(table.ref.name)
    ranks = [_rank(split(one.name), own) for one in found]
    if not found or ranks[0] > len(_WHEN) or (len(found) > 1 and (ranks[0] == ranks[1] or ranks[0] == len(_WHEN))):
        return None
    return found[0].name
