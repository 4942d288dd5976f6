"""Becomes another program that does not outlive the process it was started for, however that one ends.

`python -m gateway.workers.tethered PID PROGRAM ARGUMENT...`. Linux keeps what is asked for here across the exec
(PR_SET_PDEATHSIG, prctl(2)); nobody has to watch, so that there is nobody who could be killed instead.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Turn into the program. Raises OSError when it cannot be run."""
    starter, program = int(arguments[0]), arguments[1]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != starter:  # it has ended already: of that no signal comes any more
        return
    os.execv(program, arguments[1:])  # noqa: S606 - a program of ours with arguments of ours, and no shell


if __name__ == "__main__":
    main(sys.argv[1:])
