"""Drives wrk against one contestant and reads what it measured."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.servers import OTHER_CORE, Server

CONNECTIONS = 16
_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Round:
    """One round of load.

    `per_cpu_s` is requests per second of the contestant's own CPU time, `busy` that CPU time over the wall clock:
    a contestant that is not busy was waiting for the backend or the load generator.
    """

    requests_per_s: float
    per_cpu_s: float
    busy: float
    p50_ms: float
    p99_ms: float


def authorized(token: str, folder: Path) -> Path:
    """A wrk script that sends the token: a file, because arguments can be read by every process of the machine."""
    script = folder / "authorization.lua"
    script.touch(mode=0o600)
    script.write_text(f'wrk.headers["Authorization"] = "Bearer {token}"\n')
    return script


def run_round(server: Server, path: str, seconds: int, script: Path | None) -> Round:
    """Load one contestant for a time. RuntimeError if any answer was no 200 or any connection failed."""
    before = server.cpu_s()
    text = _wrk(f"http://127.0.0.1:{server.port}{path}", seconds, script)
    result = read(text, server.cpu_s() - before)
    if result is None:
        raise RuntimeError(f"{server.name}: wrk did not get good answers only:\n{text}")
    return result


def read(text: str, cpu_s: float) -> Round | None:
    """What wrk's report says, with the CPU seconds that the contestant used meanwhile; None if any answer was bad."""
    requests, rate = re.search(r"(\d+) requests in ([\d.]+)s", text), re.search(r"Requests/sec:\s+([\d.]+)", text)
    if not requests or not rate or "Non-2xx" in text or "Socket errors" in text:
        return None
    count, wall_s = int(requests[1]), float(requests[2])
    return Round(float(rate[1]), count / max(cpu_s, 0.01), cpu_s / wall_s, _latency(text, "50"), _latency(text, "99"))


def _wrk(url: str, seconds: int, script: Path | None) -> str:
    command = ["taskset", "-c", str(OTHER_CORE), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    command += ["-s", str(script)] if script else []
    return subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=seconds + 30).stdout


def _latency(text: str, percentile: str) -> float:
    found = re.search(rf"^\s+{percentile}%\s+([\d.]+)(us|ms|s)$", text, re.MULTILINE)
    return float(found[1]) * _UNITS_MS[found[2]] if found else float("nan")
