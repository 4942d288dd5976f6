"""The gateway as a contestant: the demo's own documents with the limit out of the way, served as by an operator."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from bench import servers
from bench.page import PRODUCT, keyless
from gateway.demo.data import generate
from gateway.demo.workspace import assemble

AGREEMENT = Path("agreements/swift-logistics-2026.yaml")
CLIENT = "swift-logistics-app"
PARTNER = "swift-logistics"
COMMAND = [sys.executable, "-c", "from gateway.cli import main; main()"]
"""The `clausegate` command, whether or not the project is installed in this environment."""
OUT_OF_THE_WAY = {"limit": 1_000_000, "window": "PT1S", "burst": 1_000_000}
"""Counted and never reached: the limiter does all of its work."""


def shipments_file(folder: Path) -> Path:
    """The demo's shipments, generated: one JSON record a line."""
    return generate(folder / "data").shipments


def loosen(workspace: Path) -> None:
    """Give the agreement `ack: write` and limits that are not reached, and the view nothing that needs keys.

    Everything else stays as the demo has it.
    """
    file = workspace / AGREEMENT
    agreement = yaml.safe_load(file.read_bytes())
    agreement["ack"] = "write"
    published = [yaml.safe_load(policy.read_bytes()) for policy in sorted((workspace / "policies").glob("*.yaml"))]
    for reference in agreement["policies"]:
        for policy in published:
            if (policy["policy"], policy["version"]) == (reference["policy"], reference["version"]):
                limits = [clause["id"] for clause in policy["clauses"] if clause["kind"] == "rate_limit"]
                reference.setdefault("set", {}).update({clause: dict(OUT_OF_THE_WAY) for clause in limits})
    file.write_text(yaml.safe_dump(agreement, allow_unicode=True, sort_keys=False))
    product_file = workspace / "products" / PRODUCT.name
    product = yaml.safe_load(product_file.read_bytes())
    for role in product["roles"]:
        for entry in role["customProperties"]:
            entry["value"]["fields"] = keyless(entry["value"]["fields"])
    product_file.write_text(yaml.safe_dump(product, allow_unicode=True, sort_keys=False))


def clausegate(*arguments: str) -> str:
    """What a command prints. RuntimeError with its words if it fails."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"clausegate {arguments[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def register(workspace: Path) -> None:
    """Give the partner a client of its own; its secret is thrown away, since tokens are issued by the operator."""
    clausegate("client", "add", str(workspace), CLIENT, "--partner", PARTNER, "--auth-method", "client_secret_basic")


@contextmanager
def running_gateway(folder: Path, port: int, backend_port: int) -> Iterator[tuple[servers.Server, str]]:
    """`clausegate serve` on one core, and an access token for the logistics partner."""
    workspace = assemble(folder, backend_port)
    loosen(workspace)
    register(workspace)
    place = folder / "gateway"
    place.mkdir()
    with servers.serve(
        "clausegate",
        [*COMMAND, "serve", str(workspace), "--port", str(port)],
        servers.CONTESTANT_CORE,
        port=port,
        place=place,
    ) as server:
        yield server, clausegate("token", str(workspace), CLIENT, "--port", str(port))
