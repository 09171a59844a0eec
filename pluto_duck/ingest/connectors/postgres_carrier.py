"""How the values of one PostgreSQL type travel: text that the server writes, or a binary form where that is exact.

Every type has a `text` way: the server casts to text, DuckDB reads the text. Each of the three paths (DuckDB's
scanner, ADBC, COPY) may have a quicker one of its own; a property test holds each to the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pluto_duck.ingest.connectors.postgres_types import Kind

V = "\0"
"""The place of the value in a template: the one character that no name or label of PostgreSQL can hold."""
MAX_DIGITS = 38
WORDS = "kept as text, in PostgreSQL's own words"


@dataclass(frozen=True)
class Way:
    """How one value is asked for, and read; V stands for it."""

    select: str
    """SQL that PostgreSQL evaluates."""
    expression: str
    """DuckDB SQL over what arrives."""
    arrow: str = "string"
    """COPY only: what Arrow reads the text as."""


@dataclass(frozen=True)
class Carrier:
    duckdb: str
    text: Way
    query: Way | None = None
    """Through the scanner's postgres_query, binary."""
    direct: Way | None = None
    """Through the scanner's own parallel scan of a table, which can't evaluate anything on the server."""
    adbc: Way | None = None
    copy: Way | None = None
    risk: str = ""
    """PostgreSQL condition: a direct scan would change this value."""
    doubt: str = ""
    """DuckDB condition that such a value meets once a direct scan has changed it, and few others do."""
    via: str = ""
    """A type that must come between this one and text: "money" writes the currency sign otherwise."""
    note: str = ""
    shape: str = ""
    """Of arrays and composites: the shape of the JSON that `text` asks for, as DuckDB's from_json wants it."""


SAME = Way(V, V)
LATE = "a time after the year 294247"

# An extra year at either end of PostgreSQL's own range: what lies beyond came from an overflow.
_BEYOND = f"{V} < TIMESTAMP '5000-01-01 (BC) 00:00:00' AND isfinite({V})"
_TEXT_BC = rf"CASE WHEN suffix({V}, ' BC') THEN regexp_replace({V}, '^(\S+)(.*) BC$', '\1 (BC)\2') ELSE {V} END"
_LAST = "294247-01-10 04:00:54.775807"
"""DuckDB's infinity is one microsecond that PostgreSQL still counts as a finite time."""


def put(template: str, value: str) -> str:
    return template.replace(V, value)


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def refused(value: str, duckdb: str, label: str) -> str:
    """DuckDB SQL that fails, naming the column; `REFUSED` reads it back."""
    kind = duckdb if len(duckdb) <= 60 else duckdb[:57] + "..."
    before, after = literal(label + " holds "), literal(", which " + kind + " does not have")
    return f"error({before} || left({value}, 60) || {after})"


def exactly(text: str, duckdb: str, label: str) -> str:
    """DuckDB SQL that reads a text as a type, or refuses by name."""
    return (f"coalesce(TRY_CAST({text} AS {duckdb}), "
            f"CASE WHEN {text} IS NOT NULL THEN {refused(text, duckdb, label)} END)")


def scalar(duckdb: str, label: str, *, shape: str = V, via: str = "") -> Carrier:
    """A type that DuckDB reads from text; `shape` rewrites PostgreSQL's text into DuckDB's."""
    select = f"{V}::{via}::text" if via else f"{V}::text"
    expression = shape if duckdb == "VARCHAR" else exactly(shape, duckdb, label)
    return Carrier(duckdb, Way(select, expression), via=via)


def plain(duckdb: str, label: str, arrow: str = "", *, adbc: bool = True) -> Carrier:
    """A type that every binary form carries exactly."""
    made = replace(scalar(duckdb, label), query=SAME, direct=SAME, adbc=SAME if adbc else None)
    return replace(made, copy=Way(V, V, arrow)) if arrow else made


def words(note: str = WORDS) -> Carrier:
    return Carrier("VARCHAR", Way(f"{V}::text", V), note=note)


def decimal(width: int, scale: int, label: str, *, declared: bool) -> Carrier:
    made = scalar(f"DECIMAL({width},{scale})", label)
    # The scanner reads NaN as 0. It knows a scale inside the precision only, and no undeclared one.
    if not declared:
        return made
    return replace(made, direct=SAME, risk=f"{V} = 'NaN'", doubt=f"TRY_CAST({V} AS {made.duckdb}) = 0")


def timestamp(duckdb: str, label: str, zone: str) -> Carrier:
    made = scalar(duckdb, label, shape=_TEXT_BC)
    beyond = refused(literal(LATE), duckdb, label)  # DuckDB can't even write such a value
    below = _BEYOND.replace("TIMESTAMP", duckdb).replace("00:00:00", "00:00:00" + zone)
    guarded = f"CASE WHEN {below} THEN {beyond} ELSE {V} END"
    kind = "timestamptz" if zone else "timestamp"
    moved = f"CASE WHEN {V} = {kind} '{_LAST}{zone}' THEN {V} + interval '1 day' ELSE {V} END"
    # ADBC moves PostgreSQL's epoch without looking: its two infinities come out as these moments.
    repaired = (f"CASE {V} WHEN {duckdb} '290279-12-22 (BC) 19:59:05.224191{zone}' THEN {duckdb} 'infinity' "
                f"WHEN {duckdb} '290279-12-22 (BC) 19:59:05.224192{zone}' THEN {duckdb} '-infinity' "
                f"ELSE {guarded} END")
    return replace(made, query=Way(moved, guarded), direct=Way(V, guarded), adbc=Way(moved, repaired),
                   risk=f"{V} = '{_LAST}{zone}'", doubt=f"TRY_CAST({V} AS {duckdb}) = 'infinity'")


def date(label: str) -> Carrier:
    repaired = (f"CASE {V} WHEN DATE '5877612-06-21 (BC)' THEN DATE 'infinity' "
                f"WHEN DATE '5877612-06-22 (BC)' THEN DATE '-infinity' ELSE {V} END")
    return replace(scalar("DATE", label, shape=_TEXT_BC), query=SAME, direct=SAME, adbc=Way(V, repaired))


def base(kind: Kind, label: str, *, money_digits: int = 2) -> Carrier:
    """The carrier of a type that is neither array nor composite; unconstrained numeric is `postgres_probe`'s."""
    if kind.sort == "enum":
        return _enum(kind, label)
    if kind.extension:
        return _of_extension(kind, label)
    if not kind.own or kind.sort != "base":
        return words()
    if kind.digits is not None:
        return _numeric(*kind.digits, label)
    return _own(kind.name, label, money_digits)


def _own(name: str, label: str, money_digits: int) -> Carrier:
    whole = {"int2": ("SMALLINT", "int16"), "int4": ("INTEGER", "int32"), "int8": ("BIGINT", "int64"),
             "bool": ("BOOLEAN", "bool"), "float4": ("FLOAT", "float32"), "float8": ("DOUBLE", "float64"),
             "text": ("VARCHAR", "string"), "varchar": ("VARCHAR", "string"), "name": ("VARCHAR", "string")}
    if name in whole:
        return plain(whole[name][0], label, whole[name][1])
    if name == "oid":
        return plain("UINTEGER", label, "uint32", adbc=False)
    if name in ("time", "timetz", "uuid"):
        return plain({"time": "TIME", "timetz": "TIMETZ", "uuid": "UUID"}[name], label, adbc=False)
    if name in ("json", "jsonb"):
        made = scalar("JSON", label)
        return replace(made, query=Way(V, made.text.expression), direct=Way(V, made.text.expression))
    if name == "date":
        return date(label)
    if name in ("timestamp", "timestamptz"):
        return timestamp(name.upper(), label, "+00" if name == "timestamptz" else "")
    if name == "interval":
        return scalar("INTERVAL", label)  # the sessions speak postgres_verbose: the one style that DuckDB reads
    if name == "bytea":
        return Carrier("BLOB", Way(f"{V}::text", f"unhex({V}[3:])"), query=SAME, direct=SAME, adbc=SAME)
    if name in ("bit", "varbit"):
        # DuckDB has no empty bit string; 2.0 would read it as one 0.
        return scalar("BIT", label, shape=f"CASE WHEN {V} = '' THEN 'no bit at all' ELSE {V} END")
    if name == "money":
        return scalar(f"DECIMAL({max(19, money_digits)},{money_digits})", label, via="numeric")
    if name in ("regproc", "regoper"):
        # As it is written, a name alone does not tell avg(integer) from avg(numeric).
        full = {"regproc": "regprocedure", "regoper": "regoperator"}[name]
        return Carrier("VARCHAR", Way(f"{V}::{full}::text", V), via=full, note="kept as text, with its arguments")
    if name in ("bpchar", "char"):
        return words("without the blanks that fill it up" if name == "bpchar" else "")
    return words()


def _numeric(precision: int, scale: int, label: str) -> Carrier:
    # PostgreSQL allows scales below 0 (round to thousands) and above the precision (0.00123).
    width, places = (precision - scale, 0) if scale < 0 else (max(precision, scale), scale)
    if width > MAX_DIGITS:
        return words(f"kept as text: more than the {MAX_DIGITS} digits of a DECIMAL")
    return decimal(width, places, label, declared=0 <= scale <= precision)


def _enum(kind: Kind, label: str) -> Carrier:
    if not kind.labels:
        return words("an enum without labels")
    made = scalar(f"ENUM({', '.join(literal(one) for one in kind.labels)})", label)
    return replace(made, query=Way(f"{V}::text", made.text.expression),
                   direct=Way(V, put(made.text.expression, f"CAST({V} AS VARCHAR)")))


def _of_extension(kind: Kind, label: str) -> Carrier:
    if kind.extension == "hstore" and kind.name == "hstore":
        return scalar("MAP(VARCHAR, VARCHAR)", label, shape=f"CAST({V} AS JSON)", via="json")
    if kind.extension == "vector" and kind.name in ("vector", "halfvec"):
        return scalar("FLOAT[]", label)
    if kind.extension == "postgis" and kind.name in ("geometry", "geography"):
        return Carrier("BLOB", Way(f"{V}::text", f"unhex({V})"), note="as EWKB, with its SRID")
    return words()
