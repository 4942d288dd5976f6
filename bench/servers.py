"""Starts and stops the processes of a benchmark: each on its own core, on loopback, in a temporary folder."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONTESTANT_CORE = 0
OTHER_CORE = 1
MODULES = Path("/usr/lib/nginx/modules")
LUA_MODULE = MODULES / "ngx_http_lua_module.so"
NDK_MODULE = MODULES / "ndk_http_module.so"


@dataclass(frozen=True)
class Server:
    """A process that listens on 127.0.0.1:`port`."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def cpu_s(self) -> float:
        """Seconds of CPU that the process and its children have used so far."""
        pids = [self.process.pid, *_children(self.process.pid)]
        return sum(_cpu_s(pid) for pid in pids)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serve(name: str, command: list[str], core: int, *, port: int, place: Path) -> Iterator[Server]:
    """Run a command on one core until the block ends. RuntimeError with its output if it does not listen in 20 s."""
    log = place / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command], stdout=output, stderr=subprocess.STDOUT, cwd=place
        )
    try:
        if not _listens(port, process, 20):
            raise RuntimeError(f"{name} did not start:\n{log.read_text(errors='replace')[-2000:]}")
        yield Server(name, port, process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int, process: subprocess.Popen[bytes], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


@contextmanager
def nginx(
    name: str, http: str, core: int, *, folder: Path, port: int, modules: tuple[Path, ...] = ()
) -> Iterator[Server]:
    """An nginx with one worker and no logs; `http` is the inside of its http block."""
    place = folder / name
    place.mkdir()
    temporary = "".join(
        f"  {kind}_temp_path {place}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = (
        "".join(f"load_module {module};\n" for module in modules)
        + f"daemon off; worker_processes 1; pid {place}/pid; error_log {place}/error.log error;\n"
        + ("user root;\n" if os.geteuid() == 0 else "")
        + "worker_rlimit_nofile 4096;\nevents { worker_connections 1024; }\nhttp {\n"
        + "  access_log off; default_type application/json; keepalive_requests 1000000000; tcp_nodelay on;\n"
        + temporary
        + http
        + "}\n"
    )
    (place / "nginx.conf").write_text(configuration)
    command = ["nginx", "-p", str(place), "-c", str(place / "nginx.conf"), "-e", str(place / "error.log")]
    with serve(name, command, core, port=port, place=place) as server:
        yield server


def backend_http(port: int, body: Path) -> str:
    """The same fixed page for whatever is asked: the backend of every contestant."""
    return f"""
  open_file_cache max=10; open_file_cache_valid 1h; sendfile on;
  server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ root {body.parent}; try_files /{body.name} =404; }} }}
"""


def proxy_http(port: int, backend_port: int, lua: Path | None = None) -> str:
    """proxy_pass with upstream keepalive; with `lua`, the answer is collected, masked and sent on."""
    filters = ""
    packages = ""
    if lua is not None:
        packages = f'lua_package_path "{lua.parent}/?.lua;;";\n  init_by_lua_block {{ mask = require "{lua.stem}" }}'
        filters = """
      header_filter_by_lua_block { ngx.header.content_length = nil }
      body_filter_by_lua_block {
        local chunk, last = ngx.arg[1], ngx.arg[2]
        local kept = ngx.ctx.kept
        if not kept then kept = {}; ngx.ctx.kept = kept end
        if chunk ~= "" then kept[#kept + 1] = chunk end
        if not last then ngx.arg[1] = nil; return end
        ngx.arg[1] = mask.mask_page(table.concat(kept))
      }"""
    return f"""
  {packages}
  upstream backend {{ server 127.0.0.1:{backend_port}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location = /v1/shipments {{
      proxy_pass http://backend/shipments; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffers 16 16k; proxy_buffer_size 16k;{filters}
    }}
  }}
"""


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
