"""A tag for each row, which is another one as soon as any of its values is: what `ETag` and `Update.expect` hang on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow

    from pluto_duck.workspace.result import Column


def tags(table: pyarrow.Table, columns: Sequence[Column]) -> list[str]:
    """22 letters and digits (`-` and `_` among them) for each row, by names, types and values."""
    from pluto_duck.session.rows.texts import head
    from pluto_duck.workspace.values import python_values

    values = [python_values(table.column(i), one.type) for i, one in enumerate(columns)]
    begun = hashlib.blake2b(head(columns), digest_size=16)
    found = []
    for i in range(table.num_rows):
        made = begun.copy()
        made.update(repr([one[i] for one in values]).encode())
        found.append(_letters(made.digest()))
    return found


def _letters(digest: bytes) -> str:
    import base64

    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")
