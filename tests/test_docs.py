"""What the docs say is what there is: generated pages are fresh, the README's blocks run."""

from __future__ import annotations

import doctest
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["settings.md", "commands.md"])
def test_a_generated_page_is_what_the_code_says(page: str) -> None:
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == _generator().PAGES[page](), "run `make docs`"


def test_the_order_of_the_verbs_is_that_of_no_import() -> None:
    told = "from pluto_duck.commands.table import pluto; print(*pluto.commands)"
    found = [subprocess.run([sys.executable, "-c", first + told], capture_output=True, text=True, check=True).stdout
             for first in ("", "import pluto_duck.commands.audit, pluto_duck.commands.verified;")]
    assert found[0] == found[1]


def test_every_setting_and_verb_has_a_heading() -> None:
    from pluto_duck.commands.table import pluto
    from pluto_duck.settings import SETTINGS

    settings = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    commands = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert [one.name for one in SETTINGS if f"\n## {one.name}\n" not in settings] == []
    assert [name for name in pluto.commands if f"\n### {name}\n" not in commands] == []


def test_every_route_header_and_event_has_a_heading() -> None:
    from pluto_duck.api.openapi import PATHS
    from pluto_duck.runs.model import EVENT_TYPES

    page = (ROOT / "docs" / "rest.md").read_text(encoding="utf-8")
    routes = {f"{method.upper()} {path}" for path, methods in PATHS.items() for method in methods}
    files = [one for folder in (".", "rows") for one in (ROOT / "pluto_duck" / "api" / folder).glob("*.py")]
    source = "".join(one.read_text(encoding="utf-8") for one in files)
    headers = set(re.findall(r'(?:headers\.get|set_header)\(\s*"([\w-]+)"', source)) - {"Content-Type"}
    assert {"Accept", "Last-Event-ID", "Location"} <= headers
    headings = set(re.findall(r"^### (.*)$", page, re.MULTILINE))
    assert headings == routes | headers | {"Authorization"} | set(EVENT_TYPES)


def test_the_exit_codes_in_the_docs_are_those_of_the_errors() -> None:
    from pluto_duck import errors
    from pluto_duck.commands.table import EXIT_CODES

    documented = {code for code, _ in EXIT_CODES}
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.PlutoError)]
    assert {one.exit_code for one in kinds} <= documented


def test_the_make_targets_that_the_docs_name_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md", ".github/workflows/ci.yml"):
        named = set(re.findall(r"(?:^|`|run: )make ([a-z]+)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE))
        assert named, page
        assert named <= targets, page


def test_links_in_the_docs_lead_somewhere() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "docs/rest.md", "docs/serve.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8")):
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


def test_the_floors_in_the_readme_name_every_room() -> None:
    drawing = README.split("## The house", 1)[1].split("\n| ", 1)[0]
    package = ROOT / "pluto_duck"
    rooms = {f"{one.name}/" for one in package.iterdir() if (one / "__init__.py").is_file()}
    rooms |= {one.name for one in package.glob("*.py")} - {"__init__.py"}
    assert {room for room in rooms if room not in drawing} == set()


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    return _shell(tmp_path)


def _shell(folder: Path) -> dict[str, str]:
    """The environment of somebody who has pluto-duck on the path."""
    programs = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": programs + os.pathsep + os.environ["PATH"], "COLUMNS": "400",
            "PLUTODUCK_HOME": str(folder / "home")}


def _commands(block: str) -> list[tuple[str, str]]:
    """(command, what it prints). A `$` line inside the output of `demo` belongs to that output."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    pairs = [(text.partition("\n")[0], text.partition("\n")[2]) for text in parts]
    first = next(i for i, (command, _) in enumerate(pairs) if command.startswith("cd "))
    whole = pairs[0][1] + "".join(f"$ {command}\n{said}" for command, said in pairs[1:first])
    return [(pairs[0][0], whole), *pairs[first:]]


@pytest.mark.skipif(os.name != "posix", reason="the transcript is a POSIX shell's")
def test_the_transcript_in_the_readme_is_what_happens(tmp_path: Path, shell: dict[str, str]) -> None:
    checker = doctest.OutputChecker()
    here = tmp_path
    (block,) = _blocks("console")
    for command, expected in _commands(block):
        if command.startswith("cd "):
            here = here / command.removeprefix("cd ")
            continue
        done = subprocess.run(["bash", "-c", command], cwd=here, env=shell, text=True, timeout=120, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        assert checker.check_output(expected, done.stdout, doctest.ELLIPSIS), f"$ {command}\n{done.stdout}"


_RUN_CELLS = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in sys.stdin.read().split("\\0"):
    shell.run_cell(cell).raise_error()
"""


def test_the_python_in_the_readme_runs(tmp_path: Path, shell: dict[str, str]) -> None:
    from pluto_duck.commands.demo import SAMPLE
    from pluto_duck.commands.workbench import open
    from pluto_duck.workspace import create

    with open(create(tmp_path / "work").root) as session:
        session.ingest(str(SAMPLE))
    done = subprocess.run([sys.executable, "-c", _RUN_CELLS], input="\0".join(_blocks("python")), text=True,
                          cwd=tmp_path / "work", env={**shell, "IPYTHONDIR": str(tmp_path / "ipython")},
                          capture_output=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for said in ("SELECT", "CAE", "103", "UA"):
        assert said in done.stdout, done.stdout


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, dict[str, str]]]:
    """`serve` over the sample: its port, and the environment of a shell that may call it."""
    from pluto_duck.commands.demo import SAMPLE
    from pluto_duck.commands.workbench import open
    from pluto_duck.workspace import create

    tmp_path = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUTODUCK_HOME", str(tmp_path / "home"))
        for name in ("REFUSED", "READS", "WRITES", "RUNS"):
            patch.setenv(f"PLUTODUCK_LIMITS__{name}", "unlimited")
        shell = _shell(tmp_path)
        with open(create(tmp_path / "work").root) as session:
            session.ingest(str(SAMPLE), tables=["flights"])
    (tmp_path / "work/dbt_project.yml").write_text("name: work\n", encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**shell, "JUPYTER_TOKEN": "a-token-for-this-test", "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
                   "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    server = subprocess.Popen([sys.executable, "-m", "pluto_duck.cli", "serve", "--port", str(port)],
                              cwd=tmp_path / "work", env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        _await_server(port, server)
        yield port, environment
    finally:
        server.terminate()
        server.wait(60)


_needs_curl = pytest.mark.skipif(shutil.which("curl") is None or os.name != "posix",
                                 reason="needs curl and a POSIX shell")


@_needs_curl
def test_the_curl_in_the_readme_works_against_serve(served: tuple[int, dict[str, str]]) -> None:
    port, environment = served
    (block,) = [one for one in _blocks("sh") if "curl" in one]
    first, second = (one.replace("8888", str(port)) for one in re.split(r"(?m)^(?=curl)", block) if one)
    script = (f"set -e\nanswer=$({first})\n"
              "RUN_ID=$(python -c 'import json, sys; print(json.loads(sys.argv[1])[\"run_id\"])' \"$answer\")\n"
              f"{second}")
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert "UA" in done.stdout


@_needs_curl
def test_the_curl_of_the_rest_page_works_against_serve(
        served: tuple[int, dict[str, str]], tmp_path: Path) -> None:
    port, environment = served
    page = (ROOT / "docs" / "rest.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    # A refusal must fail the test: curl alone ends well with any answer.
    script = "set -e\n" + "echo; echo ---\n".join(blocks).replace("8888", str(port)).replace("curl -s", "curl -sf")
    done = subprocess.run(["bash", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (first, asked, picked, listed, paged, cancelled, conversations, verified, approvals, proposed,
     tables, described, profiled, filtered, made, row, patched, changes, window, graph, loaded, sent, built, audited,
     me, key, sunk, hooked, planned) = done.stdout.split("\n---\n")
    assert '"kind": "owner"' in me
    assert '"run_id"' in built
    assert '"secret": "pdk_' in key
    assert '"name": "archive"' in sunk
    assert '"cron"' in planned
    assert '"secret": "whsec_' in hooked
    assert '"status": "succeeded"' in first
    assert re.search(r'^"?UA"?,\d+', first, re.MULTILINE)
    assert '"type":"run","subtype":"end"' in first
    assert '"run_id"' in asked
    assert 'AA",' in picked
    assert "count(*) as n" in listed
    assert '"run_id"' in profiled
    assert '"dep_delay": ' in filtered
    assert '{"id":7,"name":"Lounge","fee":"12.50"}' in made
    assert 'etag: "' in row.lower()
    assert '"fee":"14.00"' in patched
    assert '"changes":[]' in changes
    assert '"JFK"' in window
    assert graph.startswith('{"data":{"flights":[{"dest":')
    assert '"offset": 5' in paged
    assert (tmp_path / "july.parquet").read_bytes()[:4] == b"PAR1"
    assert '"status": "succeeded"' in cancelled
    assert '"conversations": ' in conversations
    assert '"question": "how many flights?"' in verified
    assert '"approvals": []' in approvals
    assert '"dry_run": "16 rows; carrier VARCHAR"' in proposed
    assert '"flights"' in tables
    assert '"tailnum"' in described
    assert '"run_id"' in loaded
    assert '"run_id"' in sent
    assert '"entries": []' in audited


def _await_server(port: int, server: subprocess.Popen[bytes]) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/health",
                                     headers={"Authorization": "token a-token-for-this-test"})
    while server.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=10):
                return
        except OSError:
            time.sleep(0.1)  # nothing to wait on: the port is not open yet
    raise AssertionError("the server ended before it answered")


@pytest.mark.parametrize("page", ["README.md", "docs/sidebar.md"])
def test_the_pictures_of_a_page_are_there_in_light_and_dark(page: str) -> None:
    file = ROOT / page
    shown = re.findall(r'(?:src|srcset)="([^"]+)"|!\[[^\]]*\]\(([^)]+)\)', file.read_text(encoding="utf-8"))
    names = [one or other for one, other in shown]
    assert names
    for name in names:
        assert (file.parent / name).is_file(), name
        assert (file.parent / name.replace("-light", "-dark")).is_file(), name
