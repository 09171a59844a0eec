"""What a PostgreSQL type is made of, once its domains are resolved: read from the catalog's own description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Sort = Literal["base", "array", "enum", "composite", "range"]

# Every type that the types of `%s` are made of, with all a Kind needs; one JSON object by oid.
DESCRIBED = """
WITH RECURSIVE reached(oid) AS (
  SELECT unnest(%s::oid[])
  UNION
  SELECT next.oid FROM reached r JOIN pg_type t ON t.oid = r.oid CROSS JOIN LATERAL (
    SELECT t.typbasetype WHERE t.typtype = 'd'
    UNION ALL SELECT t.typelem WHERE t.typcategory = 'A' AND t.typelem <> 0
    UNION ALL SELECT a.atttypid FROM pg_attribute a
              WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ) AS next(oid))
SELECT coalesce(json_object_agg(t.oid, json_build_object(
  'name', t.typname, 'schema', n.nspname, 'sort', t.typtype, 'array', t.typcategory = 'A' AND t.typelem <> 0,
  'text', format_type(t.oid, NULL), 'element', t.typelem, 'base', t.typbasetype, 'modifier', t.typtypmod,
  'extension', (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid
                AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' LIMIT 1),
  'labels', CASE WHEN t.typtype = 'e' THEN
            (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid) END,
  'fields', CASE WHEN t.typtype = 'c' THEN
            (SELECT json_agg(json_build_array(a.attname, a.atttypid, a.atttypmod) ORDER BY a.attnum)
             FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END
)), '{}'::json)
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid IN (SELECT oid FROM reached)"""


@dataclass(frozen=True)
class Kind:
    """One type as a column has it."""

    name: str
    """`pg_type.typname`: int4, numeric, bpchar."""
    text: str
    """In PostgreSQL's words, without modifier."""
    sort: Sort = "base"
    extension: str = ""
    """The extension that brought it; "" for PostgreSQL's own types and the user's."""
    own: bool = True
    """Of PostgreSQL itself (schema pg_catalog)."""
    modifier: int = -1
    element: Kind | None = None
    fields: tuple[tuple[str, Kind], ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def digits(self) -> tuple[int, int] | None:
        """(precision, scale) of numeric(p,s); the scale may be below 0 and above the precision."""
        if self.name != "numeric" or self.modifier < 4:
            return None
        packed = self.modifier - 4
        return packed >> 16 & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024


def kind(types: Mapping[str, Mapping[str, Any]], oid: int, modifier: int = -1) -> Kind:
    """The Kind of a type by oid; `types` is what DESCRIBED answered."""
    told = types[str(oid)]
    if told["sort"] == "d":
        # A domain over varchar(5) keeps its own modifier, one over plain numeric has none.
        return kind(types, int(told["base"]), int(told["modifier"]))
    sort: Sort = "base"
    element, fields, labels = None, [], ()
    if told["array"]:
        sort, element = "array", kind(types, int(told["element"]), modifier)
    elif told["sort"] == "e":
        sort, labels = "enum", tuple(told["labels"] or ())
    elif told["sort"] == "c":
        sort = "composite"
        fields = [(name, kind(types, int(field), int(its))) for name, field, its in told["fields"] or ()]
    elif told["sort"] in "rm":
        sort = "range"
    return Kind(told["name"], told["text"], sort, told["extension"] or "", told["schema"] == "pg_catalog",
                modifier, element, tuple(fields), labels)
