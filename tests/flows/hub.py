"""A small hub in a folder, served by the real command in a process of its own: one partner, one client, its token."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import httpx
import yaml

from contracts.agreement import Ack
from gateway.audit.leaf import Exchange
from gateway.audit.reader import find_receipt, read_exchanges
from gateway.audit.receipt import parse_receipt
from gateway.authority import NewClient
from gateway.provision import provision
from gateway.workspace import Workspace, load_workspace
from tests.conftest import ROOT
from tests.flows.demo import Process, clausegate, running
from tests.flows.wire import Reply, Wire

CLIENT = "swift-app"
HASTE_MS = 500
BODY_BYTES_MAX = 4 << 20
AGREEMENT = "agreements/swift-2026.yaml"
POLICY = "policies/logistics-standard.yaml"
_PRODUCT = "products/shipments.odcs.yaml"
_TABLE = yaml.safe_load((ROOT / "tests" / "cases" / "documents.yaml").read_text())

_MORE_FIELDS = """\
      - {name: note, logicalType: string}
      - {name: margin, logicalType: string}
      - name: stops
        logicalType: array
        items:
          logicalType: object
          properties:
            - {name: city, logicalType: string}
            - {name: driver, logicalType: string}
      - name: customer
"""
_BACKENDS = f"""\
[records]
kind = "http"
url = "URL"
timeout_ms = 20000
max_bytes = {BODY_BYTES_MAX}

[hasty]
kind = "http"
url = "URL"
timeout_ms = {HASTE_MS}

[gone]
kind = "http"
url = "http://127.0.0.1:PORT"
"""


def documents(backend_url: str, dead_port: int) -> dict[str, str]:
    """The small workspace without a limit that a test would meet: three products, alike but for their backends."""
    files = dict(_TABLE["workspace"])
    shipments = files[_PRODUCT].replace("      - name: customer\n", _MORE_FIELDS)
    shipments = shipments.replace("weight_kg: clear\n", "weight_kg: clear\n            note: clear\n")
    shipments = shipments.replace("note: clear\n", "note: clear\n            stops.city: clear\n")
    files[_PRODUCT] = shipments
    for name in ("hasty", "gone"):
        other = shipments.replace(":shipments\n", f":{name}\n").replace("name: shipments\n", f"name: {name}\n")
        files[f"products/{name}.odcs.yaml"] = other.replace("value: records", f"value: {name}")
    agreement = files[AGREEMENT].replace("from: 2026-01-01, to: 2027-01-01", "from: 2020-01-01, to: 2120-01-01")
    agreement = agreement.replace(
        "  - {product: shipments, version: 2.1.0}\n",
        "".join(f"  - {{product: {name}, version: 2.1.0}}\n" for name in ("shipments", "hasty", "gone")),
    )
    files[AGREEMENT] = agreement.replace("{limit: 1200}", "{limit: 1000000, burst: 1000000}")
    files["backends.toml"] = _BACKENDS.replace("URL", backend_url).replace("PORT", str(dead_port))
    return files


class Gateway:
    """One life of the serving process, and an access token for the hub's one client."""

    def __init__(self, hub: "Hub", process: Process) -> None:
        self.hub, self.process = hub, process
        self.url = process.url

    @cached_property
    def token(self) -> str:
        form = {"grant_type": "client_credentials", "resource": self.url}
        answer = httpx.post(f"{self.url}/oauth/token", data=form, auth=(CLIENT, self.hub.secret), timeout=30)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    @property
    def bearer(self) -> tuple[str, str]:
        return "authorization", f"Bearer {self.token}"

    async def get(self, target: str) -> Reply:
        """One call by the client, on a connection of its own."""
        async with await Wire.open(self.url) as wire:
            return await wire.ask(target, [self.bearer])

    def healthz(self) -> int:
        return httpx.get(f"{self.url}/healthz", timeout=30).status_code


class Hub:
    """A workspace and its one client. Closing it frees the port on which nobody listens."""

    def __init__(self, folder: Path, backend_url: str, settings: str, ack: Ack) -> None:
        self.folder, self._lives = folder, 0
        self._dead = socket.socket()
        self._dead.bind(("127.0.0.1", 0))  # taken, and not listened on: connections are refused
        files = documents(backend_url, self._dead.getsockname()[1])
        files[AGREEMENT] += f"ack: {ack}\n"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (folder / "clausegate.toml").write_text(settings)
        loaded = load_workspace(folder, {})
        assert isinstance(loaded, Workspace), [finding.to_text() for finding in loaded]
        _, [client] = asyncio.run(provision(loaded, "ops", [NewClient(CLIENT, "swift", "client_secret_basic")]))
        assert client.secret is not None
        self.secret = client.secret.reveal()

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def segment(self) -> Path:
        """The log's one segment."""
        return self.log / "gw-1" / "00000001.seg"

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace some text of a document."""
        path = self.folder / name
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    @contextmanager
    def serving(self) -> Iterator[Gateway]:
        """The gateway, up until the block ends."""
        self._lives += 1
        said = self.folder.parent / f"said-{self._lives}"
        with running(said, "serve", self.folder, "--port", 0) as process:
            process.says("ready ")
            yield Gateway(self, process)

    def refuses_to_start(self) -> str:
        """Try to serve; what the command said when it ended, which must be at once and as a failure."""
        ended = clausegate("serve", self.folder, "--port", 0)
        assert ended.returncode not in {0, -9}, ended
        assert "Traceback" not in ended.stderr
        assert ended.stdout == ""
        return ended.stderr

    def exchange(self, receipt: str | None) -> Exchange:
        """The record that a receipt proves, which must be there."""
        parsed = parse_receipt(receipt or "")
        assert parsed is not None, receipt
        found = find_receipt(self.log, parsed)
        assert found is not None, receipt
        assert isinstance(found.leaf.entry, Exchange)
        return found.leaf.entry

    def recorded(self) -> int:
        """How many exchanges the log holds."""
        return sum(1 for _ in read_exchanges(self.log))

    def close(self) -> None:
        self._dead.close()


@contextmanager
def hub(folder: Path, backend_url: str, *, settings: str = "", ack: Ack = "sync") -> Iterator[Hub]:
    """A hub in a new folder below `folder`. `settings` is its clausegate.toml."""
    made = Hub(folder / "workspace", backend_url, settings, ack)
    try:
        yield made
    finally:
        made.close()
