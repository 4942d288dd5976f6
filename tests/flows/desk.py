"""A hub with two partners and leads in two places: a SQLite table, and an HTTP service. Served by the real command."""

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml

from contracts.agreement import Ack
from gateway.audit.leaf import Entry, Exchange, Part
from gateway.audit.reader import find_receipt, read_entries
from gateway.audit.receipt import parse_receipt
from gateway.authority import NewClient
from gateway.provision import provision
from gateway.workspace import Workspace, load_workspace
from tests.conftest import ROOT
from tests.flows.demo import Process, running

SWIFT, RAIL = "swift", "rail"
ROOM = 1_000_000
SERVICE_TIMEOUT_MS = 1500
_TABLE = """CREATE TABLE lead (lead_id INTEGER PRIMARY KEY, dealer TEXT NOT NULL, city TEXT NOT NULL,
    budget NUMERIC(12, 2), visit DATE, phone TEXT, margin TEXT NOT NULL DEFAULT 'canary-margin')"""
_INSERT = "INSERT INTO lead (lead_id, dealer, city, budget, visit, phone) VALUES (?, ?, ?, ?, ?, ?)"
_PRODUCT = """\
apiVersion: v3.1.0
kind: DataContract
id: urn:example:product:NAME
name: NAME
version: 2.1.0
status: active
customProperties:
  - {property: backend, value: BACKEND}
schema:
  - name: lead
    logicalType: object
    physicalName: RESOURCE
    properties:
      - {name: lead_id, logicalType: integer, primaryKey: true}
      - {name: dealer, logicalType: string}
      - {name: city, logicalType: string, required: true, logicalTypeOptions: {minLength: 2, maxLength: 40}}
      - {name: budget, logicalType: number, logicalTypeOptions: {minimum: 0}}
      - {name: visit, logicalType: date}
      - {name: phone, logicalType: string, logicalTypeOptions: {pattern: "^1[3-9][0-9]{9}$"}}
      - {name: margin, logicalType: string}
roles:
  - role: logistics
    customProperties:
      - property: view
        value:
          operations: [list, get, create, update, delete]
          purpose: [delivery]
          rows: record.dealer == partner.code || record.dealer == 'ALL'
          fields: {lead_id: clear, dealer: clear, city: clear, budget: clear, visit: clear, phone: {keep_last: 4}}
          writable:
            create: [city, budget, visit, phone]
            update: [city, budget, visit]
          assign: {dealer: partner.code}
"""
_BACKENDS = """\
[table]
kind = "sql"
url = "sqlite:///../leads.db"
writable = true

[service]
kind = "http"
url = "URL"
timeout_ms = MILLISECONDS
writable = true
"""


class Serving:
    """One life of the serving process."""

    def __init__(self, desk: "Desk", process: Process) -> None:
        self.desk, self.process, self.url = desk, process, process.url
        self._clients: list[httpx.Client] = []
        self.partner = cache(self._partner)

    def _partner(self, name: str = SWIFT, scope: str | None = None) -> httpx.Client:
        """A partner's program: it holds a token, of all scopes or of one. It asks for no compression unless told."""
        form = {"grant_type": "client_credentials", "resource": self.url} | ({"scope": scope} if scope else {})
        secret = self.desk.secrets[name]
        got = httpx.post(f"{self.url}/oauth/token", data=form, auth=(f"{name}-app", secret), timeout=30)
        assert got.status_code == 200, got.text
        headers = {"authorization": f"Bearer {got.json()['access_token']}", "accept-encoding": "identity"}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=60)
        self._clients.append(client)
        return client

    @property
    def bearer(self) -> tuple[str, str]:
        """SWIFT's token as a header, for requests that httpx would not send."""
        return "authorization", str(self.partner().headers["authorization"])

    def close(self) -> None:
        for client in self._clients:
            client.close()


class Desk:
    """The workspace, its table, and the secrets of its two clients. Outlives the processes that serve it."""

    def __init__(self, folder: Path, service_url: str, limit: dict[str, Any], ack: Ack) -> None:
        self.folder, self.database, self._lives = folder / "workspace", folder / "leads.db", 0
        self.write(_TABLE)
        for name, text in _documents(service_url, limit, ack).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        loaded = load_workspace(self.folder, {})
        assert isinstance(loaded, Workspace), [finding.to_text() for finding in loaded]
        wanted = [NewClient(f"{name}-app", name, "client_secret_basic") for name in (SWIFT, RAIL)]
        _, clients = asyncio.run(provision(loaded, "ops", wanted))
        self.secrets = {client.partner: client.secret.reveal() for client in clients if client.secret is not None}

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @contextmanager
    def serving(self) -> Iterator[Serving]:
        """The gateway, up until the block ends."""
        self._lives += 1
        with running(self.folder.parent / f"said-{self._lives}", "serve", self.folder, "--port", 0) as process:
            process.says("ready ")
            serving = Serving(self, process)
            try:
                yield serving
            finally:
                serving.close()

    def write(self, statement: str, *values: Any) -> None:
        """Change the table behind the gateway's back."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            connection.execute(statement, values)

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Nothing in the table but these rows: key, dealer, city, budget, visit, phone."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            connection.execute("DELETE FROM lead")
            connection.executemany(_INSERT, rows)

    def rows(self, query: str = "SELECT * FROM lead ORDER BY lead_id", *values: Any) -> list[tuple[Any, ...]]:
        """What the table holds."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            return connection.execute(query, values).fetchall()

    def entries(self, request_id: str | None = None) -> list[Entry]:
        """What the log holds, or what it holds of one request, in order."""
        found = [located.leaf.entry for located in read_entries(self.log)]
        return [entry for entry in found if request_id is None or getattr(entry, "request_id", "") == request_id]

    def exchange(self, answer: httpx.Response) -> Exchange:
        """The record that an answer's receipt proves, which must be there."""
        receipt = parse_receipt(answer.headers["clausegate-receipt"])
        assert receipt is not None
        found = find_receipt(self.log, receipt)
        assert found is not None
        assert isinstance(found.leaf.entry, Exchange)
        return found.leaf.entry

    def parts(self, answer: httpx.Response) -> list[Part]:
        """The pieces after the first of an export."""
        return [entry for entry in self.entries(answer.headers["x-request-id"]) if isinstance(entry, Part)]

    def kept(self) -> Iterator[tuple[str, bytes]]:
        """Every byte that the gateway itself has written: its log, its state and all that it said."""
        folders = (self.log, self.folder / "state", *self.folder.parent.glob("said-*"))
        for file in (file for folder in folders for file in folder.rglob("*") if file.is_file()):
            yield str(file.relative_to(self.folder.parent)), file.read_bytes()


def _documents(service_url: str, limit: dict[str, Any], ack: Ack) -> dict[str, str]:
    """The workspace's files: one policy, two agreements alike, one product for each of the two backends."""
    files = dict(yaml.safe_load((ROOT / "tests" / "cases" / "documents.yaml").read_text())["workspace"])
    del files["products/shipments.odcs.yaml"]
    agreement = yaml.safe_load(files.pop("agreements/swift-2026.yaml"))
    agreement["effective"] |= {"from": "2020-01-01", "to": "2120-01-01"}
    agreement["products"] = [{"product": name, "version": "2.1.0"} for name in ("leads", "calls")]
    agreement["policies"][0]["set"] = {"4.1": limit}
    agreement["ack"] = ack
    for name in (SWIFT, RAIL):
        partner = agreement["partner"] | {"id": name, "code": name.upper()}
        files[f"agreements/{name}-2026.yaml"] = yaml.safe_dump(
            agreement | {"agreement": f"{name}-2026", "partner": partner}
        )
    for name, backend, resource in (("leads", "table", "lead"), ("calls", "service", "calls")):
        product = _PRODUCT.replace("NAME", name).replace("BACKEND", backend).replace("RESOURCE", resource)
        files[f"products/{name}.odcs.yaml"] = product
    files["backends.toml"] = _BACKENDS.replace("URL", service_url).replace("MILLISECONDS", str(SERVICE_TIMEOUT_MS))
    files["clausegate.toml"] = ""
    return files


def desk(
    folder: Path,
    service_url: str = "http://127.0.0.1:9",
    *,
    limit: int = ROOM,
    burst: int = ROOM,
    window: str = "PT1M",
    ack: Ack = "sync",
) -> Desk:
    """A desk in a new folder. `service_url` is where `calls` come from; `limit` calls a `window`, `burst` at once."""
    return Desk(folder, service_url, {"limit": limit, "burst": burst, "window": window}, ack)
