"""The processes of a gateway with several workers, as the operating system knows them."""

import json
import os
from pathlib import Path

from tests.flows.hub import Gateway


def children(pid: int) -> dict[int, list[str]]:
    """The command line of each child, by process id."""
    found = {}
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        try:
            found[child] = Path(f"/proc/{child}/cmdline").read_text().rstrip("\0").split("\0")
        except OSError:  # it has ended meanwhile
            continue
    return found


def workers(gateway: Gateway) -> dict[int, int]:
    """The process id of each worker, by its number."""
    lines = children(gateway.process.process.pid).items()
    return {json.loads(line[3])["number"]: pid for pid, line in lines if line[2:3] == ["gateway.workers.worker"]}


def valkey(gateway: Gateway) -> int:
    """The process id of the bundled Valkey; 0 while there is none."""
    lines = children(gateway.process.process.pid).items()
    return next((pid for pid, line in lines if "valkey-server" in line[0]), 0)


def lives(pid: int) -> bool:
    """Whether there is such a process; one that has ended and only waits to be noticed is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def listens(pid: int) -> bool:
    """Whether a process still has a TCP socket that listens (proc_pid_fd(5), proc(5): /proc/net/tcp, state 0A)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {f"socket:[{line[9]}]" for line in lines if line[3] == "0A"}
    try:
        return any(os.readlink(descriptor) in listening for descriptor in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
