"""Becomes another program, after tying it to the life of the process that started it.

    python -I -S leash.py PARENT SIGNAL UID GID PROGRAM ARGUMENT…

Linux sends SIGNAL to the program when PARENT dies, even by SIGKILL. UID and GID are `-` to stay
who we are. Imports the standard library alone, so that it costs 20 ms.
"""

import ctypes
import os
import sys
from pathlib import Path

# The option that prctl(2) calls PR_SET_PDEATHSIG.
_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, number, uid, gid, *program = sys.argv[1:]
    if gid != "-":
        os.setgroups([int(gid)])
        os.setgid(int(gid))
    if uid != "-":
        os.setuid(int(uid))
    # What it writes is for its own account alone: databases and logs with the tenants' business.
    os.umask(0o077)
    # The kernel forgets the signal when the user changes, so it is asked for afterwards.
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit("the starting process has already ended")
    try:
        os.execv(program[0], program)  # noqa: S606 - a program named by the caller, without a shell
    except OSError as fault:
        sys.exit(f"cannot run {Path(program[0]).name}: {fault.strerror}")


if __name__ == "__main__":
    main()
