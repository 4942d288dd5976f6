"""`make bench`: the gateway beside nginx and nginx + Lua, in turn on one core, before the same backend on the other.

Each contestant first has to answer the right page; only then is it loaded. Rounds alternate, so that a noisy
neighbour slows all of them, and medians are compared. Everything is started here, on loopback, and ends here.
"""

import argparse
import json
import platform
import shutil
import statistics
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.base import Envelope
from bench import servers
from bench.gateway import running_gateway, shipments_file
from bench.load import CONNECTIONS, Round, authorized, run_round
from bench.lua_mask import lua_module
from bench.page import PRODUCT, RECORDS, masked, page, view
from contracts.granted import Branch
from contracts.mask import Mask

PATH = f"/v1/shipments?limit={RECORDS}"
GATEWAY, PROXY, LUA = "clausegate", "nginx", "nginx+lua"
GOALS = {PROXY: 0.15, LUA: 0.7}
"""The least share of each yardstick's requests per second that the gateway has to reach."""
BUSY_MIN = 0.75
"""A yardstick that used less of its core than this was not measured at its best: to beat it would prove nothing."""
WARM_UP_S = 2


@dataclass(frozen=True)
class Contestant:
    """Who is measured; `script` sends the token to the one that asks for it, `masks` says what it must answer."""

    server: servers.Server
    masks: bool
    token: str | None = None
    script: Path | None = None


def missing() -> list[str]:
    """The Debian packages without which nothing can be compared."""
    tools = {"wrk": "wrk", "nginx": "nginx", "taskset": "util-linux"}
    return [package for tool, package in tools.items() if shutil.which(tool) is None]


def missing_for_lua() -> list[str]:
    """The Debian packages that nginx + Lua needs beyond nginx."""
    cjson = any(Path("/usr/lib").glob("*/lua/5.1/cjson.so"))
    return [
        package
        for package, there in {"libnginx-mod-http-lua": servers.LUA_MODULE.exists(), "lua-cjson": cjson}.items()
        if not there
    ]


def start(stack: ExitStack, folder: Path, body: bytes, record: Branch, *, gateway: bool) -> list[Contestant]:
    """Start the backend and everyone who is measured; they end with the stack."""
    answer = folder / "page.json"
    answer.write_bytes(body)
    (folder / "mask.lua").write_text(lua_module(record))
    backend_port = servers.free_port()

    def nginx(name: str, http: Callable[[int], str], core: int, *modules: Path) -> servers.Server:
        port = backend_port if name == "backend" else servers.free_port()
        return stack.enter_context(servers.nginx(name, http(port), core, folder=folder, port=port, modules=modules))

    nginx("backend", lambda port: servers.backend_http(port, answer), servers.OTHER_CORE)
    found = []
    if gateway:
        server, token = stack.enter_context(running_gateway(folder, servers.free_port(), backend_port))
        found.append(Contestant(server, True, token, authorized(token, folder)))
    core = servers.CONTESTANT_CORE
    found.append(Contestant(nginx(PROXY, lambda port: servers.proxy_http(port, backend_port), core), False))
    if not missing_for_lua():
        lua = folder / "mask.lua"
        modules = (servers.NDK_MODULE, servers.LUA_MODULE)
        found.append(
            Contestant(nginx(LUA, lambda port: servers.proxy_http(port, backend_port, lua), core, *modules), True)
        )
    return found


def check(contestant: Contestant, body: bytes, expected: list[Any]) -> None:
    """One request: its records must be the masked ones, or for plain nginx the backend's. ValueError if not."""
    request = urllib.request.Request(f"http://127.0.0.1:{contestant.server.port}{PATH}")
    if contestant.token:
        request.add_header("Authorization", f"Bearer {contestant.token}")
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our own server on loopback
        got = json.load(response)["data"]
    if got != (expected if contestant.masks else json.loads(body)["data"]):
        raise ValueError(f"{contestant.server.name} does not answer the right page: it is not worth measuring")


def measure(contestants: list[Contestant], rounds: int, seconds: int) -> dict[str, list[Round]]:
    """Rounds of load in turn, after one that nobody counts."""
    results: dict[str, list[Round]] = {contestant.server.name: [] for contestant in contestants}
    for contestant in contestants:
        run_round(contestant.server, PATH, WARM_UP_S, contestant.script)
    for number in range(rounds):
        for contestant in contestants:
            result = run_round(contestant.server, PATH, seconds, contestant.script)
            results[contestant.server.name].append(result)
            print(f"round {number + 1}  {contestant.server.name:<11} {result.requests_per_s:>8,.0f}/s", file=sys.stderr)
    return results


def machine() -> str:
    """The processor and what runs on it, for the record."""
    processor = platform.processor() or "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    return f"{processor}, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def median(rounds: list[Round], name: str) -> float:
    """The middle value of one figure over the rounds."""
    return statistics.median([float(getattr(one, name)) for one in rounds])


def report(results: dict[str, list[Round]], body: bytes) -> str:
    """A Markdown table of medians, and the gateway's share of each yardstick beside the share that is the goal."""
    lines = [
        f"Machine: {machine()}. A page of {RECORDS} records, {len(body):,} bytes from the backend; "
        f"{CONNECTIONS} connections; medians of {len(next(iter(results.values())))} alternating rounds.",
        "",
        "| contestant | requests/s | per second of its CPU | core busy | p50 ms | p99 ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, rounds in results.items():
        lines.append(
            f"| {name} | {median(rounds, 'requests_per_s'):,.0f} | {median(rounds, 'per_cpu_s'):,.0f} "
            f"| {median(rounds, 'busy'):.0%} | {median(rounds, 'p50_ms'):.2f} | {median(rounds, 'p99_ms'):.2f} |"
        )
    return "\n".join([*lines, "", *shares(results)])


def shares(results: dict[str, list[Round]]) -> list[str]:
    """The gateway's share of each yardstick, by the wall clock and by its own CPU, and whether the goal is reached."""
    if GATEWAY not in results:
        return []
    found = []
    for name, goal in GOALS.items():
        if name not in results:
            continue
        wall, cpu = (
            median(results[GATEWAY], key) / median(results[name], key) for key in ("requests_per_s", "per_cpu_s")
        )
        verdict = "reached" if wall >= goal else "MISSED"
        if median(results[name], "busy") < BUSY_MIN:
            verdict = f"not decided, {name} was kept waiting by the other core: measure on a quiet machine"
        found.append(
            f"{GATEWAY} / {name}: {wall:.2f} of its requests per second ({cpu:.2f} by CPU time), goal {goal}: {verdict}"
        )
    return found


def main() -> int:
    """Exit 0 when measured, whatever the figures, or when the tools are absent; 1 when a contestant does not work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="length of one round")
    parser.add_argument("--yardsticks", action="store_true", help="leave the gateway out")
    arguments = parser.parse_args()
    if absent := missing():
        print(f"Nothing to compare with: install {', '.join(absent)} (Debian packages) and run `make bench` again.")
        return 0
    if absent := missing_for_lua():
        print(f"nginx + Lua is left out: it needs {', '.join(absent)}.", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="clausegate-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        record = view(PRODUCT)
        body = page(shipments_file(folder))
        expected = masked(Mask(record, Envelope()), body)
        try:
            contestants = start(stack, folder, body, record, gateway=not arguments.yardsticks)
            for contestant in contestants:
                check(contestant, body, expected)
            print(report(measure(contestants, arguments.rounds, arguments.seconds), body))
        except (RuntimeError, ValueError, OSError) as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
