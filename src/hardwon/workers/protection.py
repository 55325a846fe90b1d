"""What the kernel offers against a process's own code: Linux system calls by way of ctypes.

Everything here binds the calling process, and whatever it starts, for good. Whatever the kernel
refuses comes back as a warning in words; nothing is left out silently.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

_LINUX = sys.platform == "linux"

# <linux/prctl.h>
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SECCOMP_MODE_FILTER = 2

# <linux/sched.h>
_CLONE_THREAD = 0x00010000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> bool:
    return _LINUX and _libc().prctl(option, value, 0, 0, 0) == 0


def die_with_parent() -> None:
    """Have the kernel end this process when its parent is gone, even in the midst of a request."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def hide_memory() -> None:
    """Keep other processes of the same user from looking into this one's memory."""
    _prctl(_PR_SET_DUMPABLE, 0)


def leave_network() -> tuple[str, ...]:
    """Give the process a network and message queues of its own, with nothing in them.

    To be called while the process has one thread.
    """
    if _LINUX and _libc().unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC) == 0:
        return ()
    return ("no network namespace: the kernel does not let this user make one",)


def fork_into_own_processes() -> tuple[int, tuple[str, ...]]:
    """Fork; the child is the first process of a namespace, and all in there die with it.

    Returns the result of the fork, and warnings.
    """
    warnings: tuple[str, ...] = ()
    if not _LINUX or _libc().unshare(_CLONE_NEWPID) != 0:
        warnings = ("no process namespace: the kernel does not let this user make one",)
    return os.fork(), warnings


def limit_resources(bounds: Mapping[str, int]) -> tuple[str, ...]:
    """Lower limits, named as in `resource` without RLIMIT_, e.g. {"AS": 1 << 30}.

    Returns a warning for each that the system does not have.
    """
    warnings = []
    for name, value in bounds.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        try:
            if kind is None:
                raise OSError("unknown here")
            _, hard = resource.getrlimit(kind)
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (bound, bound))
        except (OSError, ValueError) as error:
            warnings.append(f"no limit RLIMIT_{name}: {error}")
    return tuple(warnings)


def forbid_new_privileges() -> tuple[str, ...]:
    """Make set-user-id programs ordinary ones; the kernel wants it before the filters below."""
    return () if _prctl(_PR_SET_NO_NEW_PRIVS, 1) else ("no PR_SET_NO_NEW_PRIVS",)


# Landlock, <linux/landlock.h>; its numbers are the same on every architecture.

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NET_SINCE, _SCOPE_SINCE = 4, 6


def restrict_files(readable: Iterable[str]) -> tuple[str, ...]:
    """Take away all access to files except reading below some paths; open files stay open."""
    if not _LINUX:
        return ("no restriction on files: Landlock is Linux's",)
    libc = _libc()
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    if version < 1:
        return ("no restriction on files: the kernel offers no Landlock",)
    fields = [(1 << _FS_BITS[min(version, max(_FS_BITS))]) - 1]
    if version >= _NET_SINCE:
        fields.append(0b11)
    if version >= _SCOPE_SINCE:
        fields.append(0b11)
    rules = struct.pack(f"{len(fields)}Q", *fields)
    ruleset = libc.syscall(_LANDLOCK_CREATE, rules, ctypes.c_size_t(len(rules)), 0)
    if ruleset < 0:
        return (f"no restriction on files: {os.strerror(ctypes.get_errno())}",)
    try:
        for path in readable:
            _allow_reading(libc, ruleset, path)
        if libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) != 0:
            return (f"no restriction on files: {os.strerror(ctypes.get_errno())}",)
    finally:
        os.close(ruleset)
    return ()


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # nothing is there to be read
    try:
        access = _READ_FILE | (_READ_DIR if Path(path).is_dir() else 0)
        libc.syscall(_LANDLOCK_ADD, ruleset, _PATH_BENEATH, struct.pack("=Qi", access, place), 0)
    finally:
        os.close(place)


# Seccomp, <linux/seccomp.h>, <linux/filter.h>.

_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_EPERM, _ENOSYS = 1, 38
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_X32 = 0x40000000

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_FORBIDDEN: dict[str, tuple[int, int]] = {
    # name: (x86_64, aarch64), -1 where there is none
    "fork": (57, -1),
    "vfork": (58, -1),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "setsid": (112, 157),
    "setpgid": (109, 154),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "bind": (49, 200),
    "listen": (50, 201),
    "connect": (42, 203),
    "accept": (43, 202),
    "accept4": (288, 242),
    "io_uring_setup": (425, 425),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_by_handle_at": (304, 265),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "setrlimit": (160, 164),
    "prlimit64": (302, 261),
}
_CLONE = (56, 220)
_CLONE3 = 435


def restrict_system_calls() -> tuple[str, ...]:
    """Forbid new processes and programs, sockets, signals and looking into other processes.

    Threads stay allowed. Needs `forbid_new_privileges` first.
    """
    machine = os.uname().machine
    if not _LINUX or machine not in _ARCHITECTURES or sys.maxsize < 2**32:
        return (f"no filter of system calls: unknown on {machine}",)
    program = _filter(machine)
    code = ctypes.create_string_buffer(program)
    count = len(program) // 8
    sock_fprog = struct.pack("HxxxxxxQ", count, ctypes.addressof(code))
    libc = _libc()
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, sock_fprog, 0, 0) != 0:
        return (f"no filter of system calls: {os.strerror(ctypes.get_errno())}",)
    return ()


def _filter(machine: str) -> bytes:
    column = list(_ARCHITECTURES).index(machine)

    def step(code: int, value: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
        return struct.pack("HBBI", code, jump_true, jump_false, value)

    refuse = step(_RETURN, _ERRNO | _EPERM)
    steps = [
        step(_LOAD, _ARCHITECTURE_AT),
        step(_EQUAL, _ARCHITECTURES[machine], 1, 0),
        step(_RETURN, _KILL),
        step(_LOAD, _NUMBER_AT),
        step(_AT_LEAST, _X32, 0, 1),
        refuse,
        # glibc falls back to clone, whose flags can be looked at
        step(_EQUAL, _CLONE3, 0, 1),
        step(_RETURN, _ERRNO | _ENOSYS),
    ]
    for numbers in _FORBIDDEN.values():
        if numbers[column] >= 0:
            steps += [step(_EQUAL, numbers[column], 0, 1), refuse]
    steps += [
        step(_EQUAL, _CLONE[column], 0, 4),
        step(_LOAD, _FIRST_ARGUMENT_AT),
        step(_AND, _CLONE_THREAD),
        step(_EQUAL, 0, 0, 1),
        refuse,
        step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)
