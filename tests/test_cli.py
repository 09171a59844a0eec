"""The shell's door: what goes to stdout, what to stderr, which exit code."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pluto_duck import __version__
from pluto_duck.cli import _ask, main
from pluto_duck.workspace import Workspace


@pytest.fixture
def here(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace that is the current folder."""
    monkeypatch.chdir(workspace.root)
    return workspace.root


def outside(arguments: list[str], *, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "pluto_duck.cli", *arguments], cwd=cwd, capture_output=True,
                          text=True, timeout=120, check=False, **options)  # type: ignore[call-overload,no-any-return]


def test_a_query_prints_its_rows_on_stdout_and_nothing_else(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "select 42 as answer"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == ["answer", "──────", "    42", "1 row"]
    assert err == ""


def test_csv_is_csv(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "select 1 as n, 'a,\"b\"' as t, null as nothing, '' as empty, 1.50::decimal(5,2) as d, [1, 2] as l, true as b"
    assert main(["query", sql, "--format", "csv"]) == 0
    out = capsys.readouterr().out
    assert out == 'n,t,nothing,empty,d,l,b\n1,"a,""b""",,"",1.50,"[1, 2]",true\n'
    assert list(csv.reader(io.StringIO(out)))[1][1] == 'a,"b"'


@pytest.mark.parametrize("written", ["csv", "json"])
def test_a_statement_without_rows_writes_no_data_and_says_what_it_did(
    here: Path, capsys: pytest.CaptureFixture[str], written: str,
) -> None:
    assert main(["query", "create table t (n integer)", "--format", written]) == 0
    out, err = capsys.readouterr()
    assert out == ("" if written == "csv" else "[]\n")
    assert err == "CREATE: done\n"


def test_sql_may_begin_with_a_comment(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "-- how many\nselect 7 as n", "--format", "csv"]) == 0
    assert capsys.readouterr().out == "n\n7\n"


def test_csv_of_many_rows_has_them_all(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "select range as i from range(25000)", "--format", "csv"]) == 0
    assert capsys.readouterr().out.splitlines() == ["i", *map(str, range(25_000))]


def test_json_keeps_every_digit_and_every_column(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = ("select 12345678901234567890.12::decimal(38,2) as d, 'nan'::double as f, 9007199254740993 as i, "
           "date '2013-07-01' as day, 'x' as d, null as n, {'a': 'inf'::double} as s, '\\xAB'::blob as raw")
    assert main(["query", sql, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{
        "d": "12345678901234567890.12", "f": "NaN", "i": 9007199254740993, "day": "2013-07-01", "d_2": "x",
        "n": None, "s": {"a": "Infinity"}, "raw": "ab"}]


def test_json_of_no_rows_is_an_empty_list(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "select 1 as a where false", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_rows_that_were_cut_are_told_beside_the_data(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "select range as i from range(5)", "--format", "csv", "--max-rows", "2"]) == 0
    out, err = capsys.readouterr()
    assert out == "i\n0\n1\n"
    assert "first 2 rows" in err


def test_the_setting_decides_how_many_rows_a_table_shows(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLUTODUCK_DISPLAY__MAX_ROWS", "3")
    assert main(["query", "select range as i from range(5)"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 of 5 rows"


def test_parameters_are_bound_never_pasted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "select $name as a, $n + 1 as b, $zip as c, $no as d", "--param", "name='; drop table t; --",
                 "--param", "n=41", "--param", 'zip="01234"', "--param", "no=null", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"a": "'; drop table t; --", "b": 42, "c": "01234", "d": None}]


def test_sql_may_come_from_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "report.sql").write_text("select 'from a file' as x", encoding="utf-8")
    assert main(["query", "--file", "report.sql", "--format", "csv"]) == 0
    assert capsys.readouterr().out == "x\nfrom a file\n"


def test_sql_may_come_from_standard_input(here: Path) -> None:
    done = outside(["query", "-", "--format", "csv"], cwd=here, input="select 'piped' as x")
    assert (done.returncode, done.stdout) == (0, "x\npiped\n")


def test_what_one_command_writes_the_next_one_sees(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "create table t (id integer primary key, name varchar)"]) == 0
    assert main(["describe", "T"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:2] == ["id", "INTEGER"] and "primary key" in line for line in lines)
    assert main(["history", "--format", "json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert (run["what"], run["status"]) == ("sql", "succeeded")
    assert run["text"].startswith("create table t")


def test_the_history_tells_how_many_rows_a_load_brought(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "sales.csv").write_text("n\n1\n2\n3\n", encoding="utf-8")
    assert main(["ingest", "sales.csv"]) == 0
    capsys.readouterr()
    assert main(["history", "--format", "csv"]) == 0
    assert ",ingest,succeeded,3," in capsys.readouterr().out


def test_a_failed_statement_is_in_the_history_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "selec 1"]) == 2
    assert main(["history", "--format", "csv"]) == 0
    assert ",sql,failed,0," in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "code", "told"), [
    (["query", "select * from flihgts"], 4, "flights"),
    (["query", "selec 1"], 2, "syntax"),
    (["describe", "flihgts"], 4, "flights"),
    (["qury", "select 1"], 2, "query"),
    (["query"], 2, "SQL"),
    (["query", "select 1", "--format", "xml"], 2, "csv"),
    (["query", "select $a", "--param", "a"], 2, "name=value"),
    (["query", "--file", "none.sql"], 4, "none.sql"),
    (["query", "--file", "pluto.tmol"], 4, "Did you mean pluto.toml?"),
    (["query", "--file", "."], 2, "directory"),
    (["query", "select 1", "--max-rows", "ten"], 2, "not a valid whole number"),
    (["history", "--limit", "x"], 2, "not a valid whole number"),
    (["lend", "--", "no-such-program"], 2, "PATH"),
    (["ingest"], 2, "place to read from"),
    (["ingest", "--from-csv"], 2, "Usage: pluto-duck ingest"),
    (["ingest", "a.csv", "--from-csv", "b.csv"], 2, "only one"),
    (["ingest", "a.csv", "--cast", "x"], 2, "column=type"),
    (["-w", "/nowhere/at/all", "tables"], 6, "pluto-duck init"),
    (["query", "copy (select 1) to 'x.csv'; select * from enable_logging()"], 3, "enable_logging"),
])
def test_a_failure_has_its_exit_code_and_one_short_block(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str,
) -> None:
    main(["query", "create table flights as select 1 as month"])
    capsys.readouterr()
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert "Traceback" not in err


def test_an_address_that_is_not_this_machines_is_told(here: Path) -> None:
    done = outside(["serve", "--ip", "300.1.1.1"], cwd=here)
    assert done.returncode == 2
    assert "can't listen on 300.1.1.1, port 8888" in done.stderr
    assert "--ip" in done.stderr


def test_the_traceback_is_there_for_the_asking(here: Path) -> None:
    done = outside(["describe", "nothing", "--traceback"], cwd=here)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "UnknownName" in done.stderr


def test_something_unexpected_is_one_line_and_a_way_to_see_more(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pluto_duck.session import Session

    def broken(self: Session) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Session, "tables", broken)
    assert main(["tables"]) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError: oh" in err
    assert "--traceback" in err


def test_a_reader_that_leaves_early_is_no_error(here: Path) -> None:
    command = [sys.executable, "-m", "pluto_duck.cli", "query", "select range as i from range(3000000)",
               "--format", "csv"]
    with subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"i\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a signal on POSIX only")
def test_ctrl_c_stops_the_statement_and_exits_with_130(here: Path) -> None:
    command = [sys.executable, "-m", "pluto_duck.cli", "query",
               "copy (select range as i from range(100000000000)) to 'out.csv'"]
    process = subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while process.poll() is None and not any(one.stat().st_size for one in here.glob("*out.csv")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err


def test_help_teaches_and_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    from pluto_duck.commands.table import SECTIONS, pluto

    for arguments in ([], ["--help"], ["help"]):
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert all(f"{section}:" in text for section in SECTIONS)
        assert all(f"  {name} " in text for name in pluto.commands)
        assert "pluto-duck demo" in text
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pluto-duck {__version__}\n"


def test_each_verb_has_help_with_an_example_that_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    from pluto_duck.commands.table import pluto

    for name in pluto.commands:
        assert main(["help", name]) == 0
        by_help = capsys.readouterr().out
        assert main([name, "--help"]) == 0
        assert capsys.readouterr().out == by_help
        assert f"pluto-duck {name}" in by_help
    assert main(["help", "qery"]) == 2


def test_init_makes_a_workspace_and_says_what_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "new")]) == 0
    assert "A new workspace" in capsys.readouterr().out
    assert (tmp_path / "new" / "pluto.toml").is_file()
    assert main(["init", str(tmp_path / "new")]) == 0
    assert "There is a workspace already" in capsys.readouterr().out
    assert main(["-w", str(tmp_path / "new"), "tables"]) == 0
    assert "No tables yet" in capsys.readouterr().out


def test_a_folder_that_cant_be_one_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert main(["init", str(tmp_path / "file")]) == 6
    assert "is not a folder" in capsys.readouterr().err


def test_a_session_in_another_process_is_joined(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pluto_duck.commands.workbench import open

    with open(here, role="kernel", label="a notebook") as host:
        host.query("create table t as select 7 as n")
        done = outside(["query", "insert into t values (8); select sum(n) as n from t", "--format", "csv"], cwd=here)
        assert (done.returncode, done.stdout, done.stderr) == (0, "n\n15\n", "")
        said = outside(["status"], cwd=here).stdout
        assert "guest of" in said
        assert str(os.getpid()) in said
        assert host.query("select count(*) from t").scalar() == 2


def test_another_program_may_borrow_the_database(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "create table t as select 7 as n"]) == 0
    script = "import duckdb, sys; print(duckdb.connect(sys.argv[1]).execute('update t set n = 9').fetchall())"
    assert main(["lend", "--", sys.executable, "-c", script, "{file}"]) == 0
    assert main(["lend", "--", sys.executable, "-c", "raise SystemExit(33)"]) == 33
    assert main(["lend", "--", "no-such-program"]) == 2
    capfd.readouterr()
    assert main(["query", "select n from t", "--format", "csv"]) == 0
    assert capfd.readouterr().out == "n\n9\n"


def test_a_question_shows_what_it_asks_about(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a cloned folder's settings: nothing in them may wipe itself off the screen before the answer."""
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert not _ask("It wants\nload_code = evil\x1b[2K\x1b[1A\nAllow this?")
    assert capsys.readouterr().err == "It wants\nload_code = evil\\x1b[2K\\x1b[1A\nAllow this? [y/N] "
