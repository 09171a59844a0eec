"""System calls that a process gives up for good, on Linux: the network, other programs, other processes.

Source: seccomp(2) and its filters in classic BPF; numbers from the kernel's system call tables.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys

_CALLS = {
    # architecture: (its audit number, refused system calls, clone, clone3, seccomp)
    "x86_64": (0xC000003E, (41, 42, 43, 49, 50, 53, 57, 58, 59, 101, 288, 310, 311, 322, 425), 56, 435, 317),
    "aarch64": (0xC00000B7, (198, 199, 200, 201, 202, 203, 221, 117, 242, 270, 271, 281, 425), 220, 435, 277),
}
# socket, connect, accept, bind, listen, socketpair, fork, vfork, execve, ptrace, accept4,
# process_vm_readv, process_vm_writev, execveat, io_uring_setup.

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD = 0x10000
_X32 = 0x40000000


def give_up_calls() -> bool:
    """For all threads of this process; False where the kernel can't."""
    known = _CALLS.get(platform.machine())
    if not sys.platform.startswith("linux") or known is None or sys.byteorder != "little":
        return False
    arch, refused, clone, clone3, seccomp = known
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, 4), (_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _REFUSE | _EPERM),
        (_LOAD, 0, 0, 0), (_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _REFUSE | _EPERM)]
    for number in refused:
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE | _EPERM)]
    # clone3 passes its flags by address, where no filter can look: without it the C library takes clone.
    steps += [(_EQUAL, 0, 1, clone3), (_RETURN, 0, 0, _REFUSE | _ENOSYS),
              (_EQUAL, 0, 3, clone), (_LOAD, 0, 0, 16), (_ANY_BIT, 1, 0, _CLONE_THREAD),
              (_RETURN, 0, 0, _REFUSE | _EPERM), (_RETURN, 0, 0, _ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    pr_set_no_new_privs, mode_filter, for_all_threads = 38, 1, 1
    if libc.prctl(pr_set_no_new_privs, 1, 0, 0, 0):
        return False
    return int(libc.syscall(seccomp, mode_filter, for_all_threads, program)) == 0
