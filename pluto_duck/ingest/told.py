"""The options of a load, put together and looked at before anything is opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from pluto_duck.errors import UsageError, unknown_name
from pluto_duck.ingest.options import LoadOptions

_CHOICES = {"mode": ("replace", "append", "merge", "scd2"), "columns": ("evolve", "freeze", "discard"),
            "rejects": ("refuse", "keep")}


def told(options: LoadOptions | Mapping[str, str] | None, keywords: Mapping[str, Any]) -> LoadOptions:
    """The options with the keywords in their place; None stands for what a field has by itself.

    A mapping is the field of the same name, given by keyword: options={"encoding": "latin-1"}.
    """
    if not isinstance(options, LoadOptions):
        keywords = keywords if options is None else {**keywords, "options": dict(options)}
        options = LoadOptions()
    known = {field.name: getattr(LoadOptions(), field.name) for field in fields(LoadOptions)}
    changes = {}
    for name, value in keywords.items():
        if name not in known:
            raise unknown_name("option", name, known)
        if value is None:
            continue
        if isinstance(known[name], tuple):
            if not isinstance(value, Iterable):
                raise UsageError(f"{name} must be a text or a list of texts, not {value!r}.",
                                 hint=f'For example {name}=["a", "b"]')
            value = (value,) if isinstance(value, str) else tuple(value)
        changes[name] = value
    options = replace(options, **changes)
    for name, choices in _CHOICES.items():
        if getattr(options, name) not in choices:
            raise UsageError(f"There is no {name} {getattr(options, name)!r}.",
                             hint=", ".join(choices[:-1]) + f" or {choices[-1]}")
    _make_sense(options)
    return options


def _make_sense(options: LoadOptions) -> None:
    """Combinations that would lose or double rows are refused by name."""
    some = [name for name in ("where", "limit", "sample") if getattr(options, name)]
    if options.sample is not None and not 0 < options.sample <= 100:
        raise UsageError(f"A sample of {options.sample:g} percent makes no sense.", hint="Between 0 and 100.")
    if options.limit is not None and options.limit < 0:
        raise UsageError("A limit below zero makes no sense.", hint="--limit 1000")
    if options.limit is not None and options.limit >= 1 << 63:
        raise UsageError("No table has that many rows.", hint="Leave --limit out to load all of them.")
    if options.delete_missing:
        if options.mode not in ("merge", "scd2"):
            raise UsageError(f"Nothing is ever missing after {options.mode}.",
                             hint="--delete-missing goes with --mode merge and --mode scd2.")
        if options.cursor or options.since or some:
            what = "a cursor" if options.cursor else f"--{(['since'] if options.since else some)[0]}"
            raise UsageError(f"With {what} only some rows of the source come, so what is missing can't be told.",
                             hint="Load all of it for --delete-missing.")
    if options.cursor is None:
        for name in ("lag", "since"):
            if getattr(options, name):
                raise UsageError(f"--{name} says where to begin, but not in which column.",
                                 hint="Name the column: --cursor updated_at")
        return
    unordered = [name for name in ("limit", "sample") if getattr(options, name) is not None]
    if unordered:
        raise UsageError(f"With --{unordered[0]} some rows would stay behind the cursor and never come.",
                         hint="Leave one of them out.")
    if options.cursor == "xmin" and options.mode == "append":
        raise UsageError("xmin tells which rows were written, not which are new: append would double the changed ones.",
                         hint="--mode merge")
    if options.cursor == "xmin" and (options.lag or options.since):
        raise UsageError("xmin takes neither --lag nor --since.", hint="Leave them out.")
