"""The tour: what the gateway does, shown in the terminal with real calls to the running demo."""

import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from contracts.plan import Plan, Promised
from contracts.product import Property
from gateway.audit.leaf import Exchange, Outbound, Receipt
from gateway.audit.reader import find_receipt
from gateway.audit.receipt import parse_receipt
from gateway.audit.verify import FirstFault, verify_log
from gateway.demo.caller import Caller, Reply, fetch
from gateway.demo.cast import HUB_CLIENT, TOUR_CLIENT, credentials
from gateway.demo.data import paths
from gateway.demo.stage import DemoError, Stage
from gateway.demo.words import MACHINES
from gateway.tlog.note import parse_vkey, verified
from gateway.tlog.proof import parse_proof

_OTHERS = (("harbor-bank-app", "repayments"), ("delta-repair-app", "parts"), ("summit-dealer-app", "leads"))
_MACHINES_WANTED: Final = 2
_LEAD: Final = {
    "company": "长沙湘江工程机械租赁有限公司",
    "contact": {"name": "周明", "phone": "13800000000"},
    "machine_model": "HT75C",
    "quantity": _MACHINES_WANTED,
}
_VISITS: Final = "SELECT engineer, visit_on, machine_model FROM service_schedule WHERE lead_id = ?"
_CALLS_MAX = 200
_CELL_CHARACTERS = 23


class Tour:
    """The eight sights, for a terminal of 80 columns. `backend` is the URL of the hub's own HTTP service.

    Raises DemoError when something is not as it is said to be: a tour that only prints would prove nothing.
    """

    def __init__(self, console: Console, url: str, backend: str, stage: Stage) -> None:
        self._console, self._url, self._backend, self._workspace = console, url, backend, stage.workspace
        self._log = stage.workspace.settings.log_path(stage.workspace.folder)
        self._database = paths(stage.folder / "data").database
        self._credentials = credentials(stage.folder)
        self._callers = {client: Caller(url, credential) for client, credential in self._credentials.items()}

    def run(self) -> None:
        """All sights in order."""
        reply = self._one_record()
        self._other_roles()
        self._new_lead()
        self._financing()
        self._refusal()
        self._limit()
        self._receipt(reply)
        self._flipped_byte()

    def _one_record(self) -> Reply:
        """A backend record beside what the logistics partner gets of it."""
        caller = self._callers["swift-logistics-app"]
        page = _expect(caller.get("/v1/shipments?limit=1"), 200)
        key = page.body["data"][0]["shipment_id"]
        raw = _expect(fetch(f"{self._backend}/shipments/{key}", {}), 200).body
        reply = _expect(caller.get(f"/v1/shipments/{key}"), 200)
        _no_canary(reply)
        self._title("1", "One record of the hub, and what the agreement with Swift Logistics shows")
        seen = _flat(reply.body)
        table = Table("field", "in the backend", "what logistics gets", box=None, padding=(0, 1), header_style="bold")
        for name, value in _flat(raw).items():
            shown = f"[green]{_cell(seen[name])}[/]" if name in seen else "[dim]–[/]"
            table.add_row(name, _cell(value) if name in seen else f"[dim]{_cell(value)}[/]", shown)
        self._console.print(table)
        return reply

    def _other_roles(self) -> None:
        """The other roles: nothing of that record, and of their own products what their views name."""
        self._title("2", "The same gateway, the other partners: each what its own agreement names")
        for client, product in _OTHERS:
            caller, credential = self._callers[client], self._credentials[client]
            page = _expect(caller.get(f"/v1/{product}?limit=1"), 200)
            _no_canary(page)
            refused = _expect(caller.get("/v1/shipments?limit=1"), 404)
            plan = self._workspace.plans.by_route[credential.partner, product, "list"][-1]
            name = plan.contract.partner_name["en"]
            bound = [self._stolen(caller, product)] if plan.authentication else []
            self._console.print(f"  [bold]{name}[/] ({credential.role}): {product}", soft_wrap=True)
            self._indented(
                ("gets", ", ".join(page.body["data"][0])),
                ("never", ", ".join(self._withheld(plan))),
                ("shipments", f"[yellow]{refused.status}[/], clause {refused.body['clause']['id']}"),
                *bound,
            )

    def _stolen(self, caller: Caller, product: str) -> tuple[str, str]:
        """The token of a partner whose agreement asks for bound ones, used by somebody without its key."""
        refused = _expect(caller.unproved(f"/v1/{product}?limit=1"), 401)
        return "its token", f"bound to a key: in other hands [yellow]{refused.status}[/], {_code(refused)}"

    def _withheld(self, plan: Plan) -> Iterator[str]:
        """What the product holds and the view does not name."""
        (product,) = (
            loaded.value
            for loaded in self._workspace.documents.products
            if (loaded.value.name, loaded.value.version) == (plan.product, plan.product_version)
        )
        seen = {field.path for field, technique in plan.view.leaves if technique.served}
        return _unseen(product.schema[0].properties, seen)

    def _new_lead(self) -> None:
        """The dealer adds a lead, twice by mistake; the company's own schedule has one visit."""
        self._title("3", "Writing: the dealer adds a lead, and an engineer has a visit to make")
        caller, repeated = self._callers["summit-dealer-app"], {"Idempotency_Key": f'"{secrets.token_urlsafe(16)}"'}
        body = {**_LEAD, "visit_on": (datetime.now(UTC) + timedelta(days=7)).date().isoformat()}
        made, again = (_expect(caller.post("/v1/leads", body, **repeated), 201) for _ in range(2))
        lead = made.body["lead_id"]
        with closing(sqlite3.connect(f"{self._database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            visits = connection.execute(_VISITS, (lead,)).fetchall()
        if again.body != made.body or len(visits) != 1:
            raise DemoError("the lead that was posted twice is not in the schedule once")
        ((engineer, visit_on, model),) = visits
        self._indented(
            ("sends", ", ".join(_flat(body))),
            ("gets", f"[green]{made.status}[/], lead {lead} of dealer {made.body['dealer_code']}"),
            ("again", f"the same Idempotency-Key: {again.status}, lead {again.body['lead_id']}, no second one"),
            ("schedule", f"{escape(engineer)}, {visit_on}, {model}"),
        )

    def _financing(self) -> None:
        """The hub's own program asks the bank what the lead's machines cost by the month."""
        self._title("4", "The lead gets a financing quote: the bank's own interface, in one call")
        caller, path = self._callers[HUB_CLIENT], "/out/harbor-bank/quote"
        price = next(Decimal(price) for model, *_, price in MACHINES if model == _LEAD["machine_model"])
        asked = {"amount": f"{price * _MACHINES_WANTED:.2f}", "months": 36, "machine_model": _LEAD["machine_model"]}
        quoted = _expect(caller.post(path, asked), 200)
        offer, called = quoted.body, self._called(quoted)
        rows = [
            ("asks", f"POST {path}: {asked['amount']} CNY, {asked['months']} months"),
            (
                "gets",
                f"[green]{quoted.status}[/], {offer['instalment']} a month at {offer['yearly_rate_percent']} % a year",
            ),
            ("record", f"{called.service} {called.operation} → {called.status}, {called.latency_us // 1000} ms"),
        ]
        rows += [(f"clause {owed.ref.id}", escape(owed.ref.text["en"])) for owed in self._owed_by_the_bank()[:1]]
        self._indented(*rows)
        for language in ("en", "zh"):
            wrong = _expect(caller.post(path, {**asked, "months": 600}, Accept_Language=language), 422)
            error = wrong.body["errors"][0]
            self._console.print(f"  [yellow]{wrong.status}[/] {escape(wrong.body['title'])}")
            self._indented((error["pointer"], escape(error["detail"])))

    def _called(self, reply: Reply) -> Outbound:
        """What the log says of a call of a partner."""
        receipt = parse_receipt(reply.headers["clausegate-receipt"])
        located = find_receipt(self._log, receipt) if receipt else None
        if located is None or not isinstance(located.leaf.entry, Outbound):
            raise DemoError("the call of the bank is not on the log")
        return located.leaf.entry

    def _owed_by_the_bank(self) -> list[Promised]:
        """What the bank promises of its interface."""
        contract = self._workspace.plans.of_partner("harbor-bank")[-1]
        return [promised for promised in contract.promises if promised.clause.owed_by == "partner"]

    def _refusal(self) -> None:
        """A call for a purpose that the agreement does not cover."""
        self._title("5", "A refusal names the clause, in the caller's language")
        caller = self._callers["swift-logistics-app"]
        for language in ("en", "zh"):
            headers = {"Clausegate_Purpose": "marketing", "Accept_Language": language}
            refused = _expect(caller.get("/v1/shipments", **headers), 403)
            self._clause(refused)

    def _limit(self) -> None:
        """Calls until the limit binds."""
        self._title("6", "A limit that is exact: calls of Delta Repair until clause 4.1 binds")
        caller = self._callers[TOUR_CLIENT]
        for count in range(_CALLS_MAX):
            reply = caller.get("/v1/parts?limit=1")
            if reply.status == 429:
                self._console.print(f"  {count} calls were answered, the next was refused and is not counted")
                for name in ("Retry-After", "RateLimit-Policy", "RateLimit"):
                    self._console.print(f"  {name}: {reply.headers[name.lower()]}")
                self._clause(reply)
                return
        raise DemoError(f"{_CALLS_MAX} calls were answered and no limit bound")

    def _receipt(self, reply: Reply) -> None:
        """The receipt of the first call, looked up on the log."""
        self._title("7", "Every answer has a receipt; this is its record on the log")
        text = reply.headers["clausegate-receipt"]
        receipt = parse_receipt(text)
        located = find_receipt(self._log, receipt) if receipt else None
        if located is None or not isinstance(located.leaf.entry, Exchange):
            raise DemoError("the receipt is not on the log")
        entry = located.leaf.entry
        self._console.print(f"  receipt  {text}", soft_wrap=True)
        self._console.print(f"  record   {located.file}, byte {located.offset}")
        self._console.print(f"           {entry.method} {entry.route} → {entry.status}, {entry.records} record")
        self._console.print(f"           {entry.partner}, contract {entry.contract[:16]}…")
        self._proof(located.receipt())

    def _proof(self, receipt: Receipt) -> None:
        """The proof of that record, fetched and checked as the partner would."""
        caller = self._callers["swift-logistics-app"]
        path = f"/partner/receipts/{receipt.leaf_hash}"
        proof = parse_proof(_expect(caller.get(path), 200).body.encode())
        key = parse_vkey(_expect(caller.get("/partner/log/vkey"), 200).body.strip())
        if proof is None or key is None or verified(proof.checkpoint.note, key) is None:
            raise DemoError("the proof is not signed by the log")
        if not proof.proves(bytes.fromhex(receipt.leaf_hash)):
            raise DemoError("the proof does not prove the receipt")
        checkpoint = proof.checkpoint.checkpoint
        self._console.print(f"  proof    entry {proof.index} of {checkpoint.size} in the partner's own Merkle tree,")
        self._console.print(f"           root {checkpoint.root.hex()[:16]}…, signed by the log")
        self._console.print(f"           as the partner: GET {path[:35]}…")

    def _flipped_byte(self) -> None:
        """A copy of the log with one byte changed, and what verify says."""
        self._title("8", "One flipped byte in a copy of the log, and verify")
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "log"
            shutil.copytree(self._log, copy)
            intact = verify_log(copy)
            if isinstance(intact, FirstFault):
                raise DemoError(f"the log itself does not verify: {intact.kind} in {intact.file}")
            self._console.print(f"  the log: [green]intact[/], {intact.records} records")
            segment = sorted(copy.rglob("*.seg"))[0]
            content = bytearray(segment.read_bytes())
            place = len(content) // 2
            content[place] ^= 0x01
            segment.write_bytes(bytes(content))
            fault = verify_log(copy)
            if not isinstance(fault, FirstFault):
                raise DemoError("the flipped byte was not found")
            self._console.print(f"  byte {place} of the copy flipped:")
            self._console.print(
                f"  the copy: [red]{fault.kind}[/], {fault.file}, in record {fault.seq} at byte {fault.offset}"
            )

    def _title(self, number: str, text: str) -> None:
        self._console.print()
        self._console.print(f"[bold cyan]{number}[/]  [bold]{text}[/]")

    def _clause(self, refused: Reply) -> None:
        clause = refused.body["clause"]
        self._console.print(f"  [yellow]{refused.status}[/] {escape(refused.body['title'])}")
        self._indented(
            (f"clause {clause['id']}", f"of {clause['agreement']} {clause['version']}"), ("", escape(clause["text"]))
        )

    def _indented(self, *rows: tuple[str, str]) -> None:
        """Words and what they mean; long text wraps below itself."""
        table = Table.grid("", "", Column(overflow="fold"), padding=(0, 1))
        for word, text in rows:
            table.add_row("   ", f"[dim]{word}[/]", text)
        self._console.print(table)


def _unseen(properties: tuple[Property, ...], seen: set[tuple[str, ...]], at: tuple[str, ...] = ()) -> Iterator[str]:
    """Dotted paths of what is not among `seen`; an object of which nothing is seen by its own name."""
    for each in properties:
        path = (*at, each.name)
        inner = each.items.properties if each.items else each.properties
        if not any(other[: len(path)] == path for other in seen):
            yield ".".join(path)
        elif inner:
            yield from _unseen(inner, seen, path)


def _code(reply: Reply) -> str:
    return str(reply.body["type"]).removeprefix("/problems/")


def _no_canary(reply: Reply) -> None:
    if "canary-" in str(reply.body):
        raise DemoError("the tour found a field that no role may see: please report this")


def _expect(reply: Reply, status: int) -> Reply:
    if reply.status != status:
        raise DemoError(f"the tour expected {status} and got {reply.status}: {reply.body}")
    return reply


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves by dotted path; of an array of objects the first, so that a record fits a screen."""
    if isinstance(value, Mapping):
        return {
            path: leaf
            for name, inner in value.items()
            for path, leaf in _flat(inner, f"{prefix}.{name}" if prefix else name).items()
        }
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return _flat(value[0], f"{prefix}[0]")
    return {prefix: value}


def _cell(value: Any) -> str:
    text = "null" if value is None else str(value)
    return escape(text if len(text) <= _CELL_CHARACTERS else text[: _CELL_CHARACTERS - 1] + "…")
