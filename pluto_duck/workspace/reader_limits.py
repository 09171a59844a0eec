"""What the operating system forbids a reader: the process itself asks for it, before it has read a statement."""

from __future__ import annotations

import os
import signal
import sys

from pluto_duck.workspace.seccomp import give_up_calls

FILES = 64


def end_with_parent(parent: int) -> None:
    """On Linux the kernel ends this process with the thread that started it, however that ended."""
    if sys.platform.startswith("linux"):
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, int(signal.SIGKILL), 0, 0, 0)
    if parent != os.getppid():  # it had ended before this was asked for
        os._exit(1)


def stand_back() -> None:
    """Whatever else this machine does goes first, from the first import on."""
    if sys.platform != "win32":
        os.nice(10)


def confine(memory_mb: int) -> None:
    """Memory beyond what the process has now, no file to write, no network, no other process. For good."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    most = _address_space() + (memory_mb << 20)
    if most > memory_mb << 20:  # macOS takes the limit and does not keep to it
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    give_up_calls()


def allow_cpu(seconds: float) -> None:
    """From now on; the kernel ends the process when it has used them up."""
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _address_space() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def address_space_mb() -> int:
    return _address_space() >> 20
