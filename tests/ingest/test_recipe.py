"""ingest.toml: read with the line of what is wrong, written so that it reads the same, trusted as it was seen."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pluto_duck.errors import Refused, UnknownName, UsageError
from pluto_duck.governance import trust
from pluto_duck.ingest.options import LoadOptions
from pluto_duck.ingest.recipe import FILE, KEYS, parse, read, written
from pluto_duck.ingest.recipe_writing import save, to_toml
from pluto_duck.workspace import Workspace

GOOD = """\
# Nightly.
[[source]]
name = "sales"
uri = "data/*.csv"
into = "sales"
mode = "append"

# The shop.
[[source]]
from = "shop"
tables = ["orders", "customers"]
mode = "merge"
cursor = "updated_at"
since = 2024-05-01
cast = { amount = "numeric(12,2)" }
"""


@pytest.fixture
def path(workspace: Workspace) -> Path:
    path = workspace.root / FILE
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_a_recipe_is_read_into_the_options_of_a_load(path: Path) -> None:
    sales, shop = read(path).sources
    assert (sales.name, sales.uri, sales.connection) == ("sales", "data/*.csv", None)
    assert sales.options == LoadOptions(into="sales", mode="append")
    assert sales.place(path.parent) == str(path.parent / "data" / "*.csv")
    assert (shop.name, shop.uri, shop.connection) == ("shop", None, "shop")
    assert shop.options == LoadOptions(tables=("orders", "customers"), mode="merge", cursor="updated_at",
                                       since="2024-05-01", cast={"amount": "numeric(12,2)"})


def test_some_are_picked_by_name_or_all(path: Path) -> None:
    recipe = read(path)
    assert [one.name for one in recipe.pick(["shop"])] == ["shop"]
    assert [one.name for one in recipe.pick([])] == ["sales", "shop"]
    with pytest.raises(UnknownName) as caught:
        recipe.pick(["sale"])
    assert caught.value.hint == "Did you mean sales?"


def test_there_is_none_yet(workspace: Workspace) -> None:
    with pytest.raises(UnknownName, match="There is no") as caught:
        read(workspace.root / FILE)
    assert "--save" in caught.value.hint


@pytest.mark.parametrize(("text", "said"), [
    ('[[source]]\nname = "a"\nuri = "x.csv"\ntable = ["t"]\n', "line 4: a source has no key 'table'.|Did you mean tables?"),
    ('[[source]]\nname = "a"\nuri = "x.csv"\n\n[[source]]\nname = "b"\nuri = "y.csv"\ndelete-missing = true\n',
     "line 8: a source has no key 'delete-missing'.|Did you mean delete_missing?"),
    ('[[source]]\nname = "a"\nuri = "x.csv"\nmode = "upsert"\n', "line 4: mode is one of replace, append, merge, scd2.|"),
    ('[[source]]\nname = "a"\nuri = "x.csv"\nlimit = "many"\n', "line 4: limit is a number.|"),
    ('[[source]]\nname = "a"\nuri = "x.csv"\nlimit = -1\n', "line 4: limit is a number.|"),
    ('[[source]]\nname = "a"\nuri = "x.csv"\nverify = 1\n', "line 4: verify is true or false.|"),
    ('[[source]]\nname = "a"\nuri = "x.csv"\ntables = [1]\n', "line 4: tables is a list of texts|"),
    ('[[source]]\nname = "a"\nuri = "x.csv"\n[source.cast]\na = [1]\n', "line 4: cast is a table of texts|"),
    ('[[source]]\nname = "a"\nuri = "x\\u0000.csv"\n', "holds a NUL character|"),
    ("x = " + "[" * 100_000, "is nested far deeper than loads are|"),
    ('[[source]]\nname = "a"\n', "line 1: a source has one of from (a connection) and uri.|"),
    ('[[source]]\nname = "a"\nuri = "x.csv"\nfrom = "shop"\n', "line 4: a source has one of from|"),
    ('[[source]]\nuri = "x.csv"\n', "line 2: this source has no name.|"),
    ('[[source]]\nname = 1\nuri = "x.csv"\n', "line 2: name is a text.|"),
    ('[[source]]\nname = "a"\nuri = "x.csv"\n[[source]]\nname = "a"\nuri = "y.csv"\n', "two sources named a|"),
    ('[[source]]\nname = "a"\nuri = "postgresql://me:s3cret@h/db"\n', "line 3: the address holds a password|connections add"),
    ("[source]\nname = 1\n", "nothing but [[source]] entries|"),
    ("[[sources]]\nname = 1\n", "there is sources|"),
    ("source = [1]\n", "a source is a table|"),
    ("[[source]]\nname = \n", "not valid TOML: |line 2"),
])
def test_what_makes_no_sense_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, Path(FILE))
    message, _, hint = said.partition("|")
    assert message in caught.value.message
    assert hint in caught.value.hint + caught.value.message
    assert "s3cret" not in str(caught.value.to_dict())


def test_every_option_of_a_load_is_a_key_and_comes_back(workspace: Workspace) -> None:
    options = LoadOptions(
        tables=("a", "b*"), exclude=("x",), schema="s", into="t.*", mode="scd2", key=("id",), delete_missing=True,
        cursor="c", lag="1 hour", since="2024-01-01", where="a > 'it''s'", limit=5, sample=2.5, columns="freeze",
        skip=("t.a",), cast={"t.b": "text", "c d": "x\"y"}, rejects="keep", verify=True, check=True, parallel=3,
        options={"encoding": "latin-1"}, connector="file")
    entry = written("all", uri="data/*.csv", connection=None, options=options)
    assert set(KEYS) - set(entry) == {"from", "query"}
    assert save(workspace.root / FILE, entry) == "added"
    (back,) = read(workspace.root / FILE).sources
    assert back.options == options
    query = LoadOptions(query="SELECT 1\nFROM t -- it's \"so\"", tables=("q",))
    assert save(workspace.root / FILE, written("q", uri=None, connection="shop", options=query)) == "added"
    assert read(workspace.root / FILE).sources[1].options == query


_values = st.one_of(st.text(st.characters(codec="utf-8")), st.booleans(), st.integers(0, 2**62),
                    st.lists(st.text(st.characters(codec="utf-8"))),
                    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(st.characters(codec="utf-8")), _values))
def test_what_is_written_reads_the_same_whatever_it_holds(entry: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(entry)) == {"source": [entry]}


# -- saving -------------------------------------------------------------------------------------------


def entry(name: str, uri: str = "x.csv", **options: Any) -> dict[str, Any]:
    return written(name, uri=uri, connection=None, options=LoadOptions(**options))


def test_a_new_entry_comes_at_the_end_and_the_rest_stays(path: Path) -> None:
    assert save(path, entry("more", mode="append")) == "added"
    assert path.read_text(encoding="utf-8") == GOOD + '\n[[source]]\nname = "more"\nuri = "x.csv"\nmode = "append"\n'
    assert save(path, entry("more", mode="append")) == "unchanged"


def test_the_first_entry_makes_the_file(workspace: Workspace) -> None:
    path = workspace.root / FILE
    assert save(path, entry("sales")) == "added"
    assert path.read_text(encoding="utf-8") == """\
# What `pluto-duck ingest --all` loads. Every option of `ingest` is a key, with _ for -.
# No passwords here: `pluto-duck connections add NAME URI`, then from = "NAME".

[[source]]
name = "sales"
uri = "x.csv"
"""


def test_another_entry_of_that_name_is_not_overwritten_unless_told(path: Path) -> None:
    with pytest.raises(Refused, match="says something else") as caught:
        save(path, entry("sales"))
    assert 'mode = "append"' in caught.value.message
    assert "--force" in caught.value.hint
    assert path.read_text(encoding="utf-8") == GOOD
    assert save(path, entry("sales"), force=True) == "replaced"
    assert path.read_text(encoding="utf-8") == GOOD.replace(
        'uri = "data/*.csv"\ninto = "sales"\nmode = "append"\n', 'uri = "x.csv"\n')


def test_a_file_that_could_be_misread_is_left_alone(workspace: Workspace) -> None:
    path = workspace.root / FILE
    text = '[[source]]\nname = "a"\nuri = "x.csv"\nwhere = """\n[[source]]\n"""\n\n[[source]]\nname = "b"\nuri = "y.csv"\n'
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="can't be changed safely") as caught:
        save(path, entry("b"), force=True)
    assert 'uri = "x.csv"' in caught.value.hint
    assert path.read_text(encoding="utf-8") == text


# -- trust --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lines", "wants"), [
    ('uri = "data/*.csv"', False),
    ('uri = "./data"\nmode = "append"\ninto = "t"', False),
    ('uri = "../../secrets.csv"', True),
    ('uri = "/etc/passwd"', True),
    ('uri = "~/.ssh/*"', True),
    ('uri = "link/x.csv"', True),
    ('uri = "inside"', True),
    ('uri = "ins*/*.csv"', True),
    ('uri = "inside/**/*.csv"', True),
    ('uri = "views.duckdb"', True),
    ('uri = "there/*.csv"', False),
    ('uri = "https://evil.example/x.csv"', True),
    ('uri = "s3://evil/x.csv"', True),
    ('uri = "file:/etc/passwd"', True),
    ('uri = "env:HOME"', True),
    ('uri = "host=evil.example dbname=x"', True),
    ('uri = "PGSERVICE=x"', True),
    ('uri = "data.csv"\nwhere = "x in (select * from read_csv(\'http://evil.example\'))"', True),
    ('uri = "data.csv"\nquery = "select 1"', True),
    ('uri = "data.csv"\ncast = { a = "x" }', True),
    ('uri = "module:source"\nconnector = "dlt"', True),
    ('from = "shop"', True),
])
def test_what_reaches_beyond_the_files_of_its_folder_wants_trust(workspace: Workspace, lines: str, wants: bool) -> None:
    (workspace.root / "link").symlink_to("/etc")
    for folder in ("inside", "there"):
        (workspace.root / folder).mkdir()
    (workspace.root / "inside" / "a.csv").symlink_to("/etc/passwd")
    (workspace.root / "there" / "a.csv").write_text("a\n1\n", encoding="utf-8")
    (workspace.root / "views.duckdb").write_bytes(b"")
    recipe = parse(f'[[source]]\nname = "a"\n{lines}\n', workspace.root / FILE)
    assert bool(recipe.wanted) is wants


def test_trust_holds_for_what_was_seen_and_a_change_asks_again(workspace: Workspace, path: Path) -> None:
    wanted = read(path).wanted
    assert list(wanted) == ["shop"]
    assert not trust.trusts(workspace, FILE, wanted)
    trust.grant(workspace, FILE, wanted)
    assert trust.trusts(workspace, FILE, read(path).wanted)
    path.write_text(GOOD.replace("# Nightly.", "# Daily.").replace("data/*", "more/*"), encoding="utf-8")
    assert trust.trusts(workspace, FILE, read(path).wanted), "that changed nothing which needs trust"
    path.write_text(GOOD.replace('"orders"', '"salaries"'), encoding="utf-8")
    assert not trust.trusts(workspace, FILE, read(path).wanted)
    path.write_text(GOOD, encoding="utf-8")
    trust.forget(workspace)
    assert not trust.trusts(workspace, FILE, read(path).wanted)


def test_the_settings_and_the_recipe_are_trusted_each_for_itself(workspace: Workspace, path: Path) -> None:
    trust.grant(workspace, FILE, read(path).wanted)
    workspace.toml.write_text('[agent]\nplanner = "evil"\n', encoding="utf-8")
    assert not trust.is_trusted(workspace)
    trust.trust(workspace)
    assert trust.trusts(workspace, FILE, read(path).wanted)
