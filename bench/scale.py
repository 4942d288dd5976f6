"""How cost grows with contracts: wide products, many agreements, long exports. `python -m bench.scale`.

Every figure that depends on the machine stands beside one that does too: ratios within one run are what to compare.
Each part runs in a process of its own, so that its memory is its own.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from adapters.base import Answer, Backend, Call, Change, Envelope, Fault, Query
from bench.micro import best_us
from contracts.compile import compile_documents
from contracts.mask import Mask, NotMaskable
from contracts.plan import Plans
from contracts.product import SchemaObject
from contracts.view import GrantedView, grant
from contracts.workspace import decode_documents

NARROW, WIDE = 12, 400
PAGE_BYTES = 60_000
AGREEMENTS, PRODUCTS = 10_000, 5
_KINDS = ("string", "number", "integer", "boolean", "date")
_VALUES: Mapping[str, str] = {
    "string": '"a text of some length"',
    "number": "12345.50",
    "integer": "1234567",
    "boolean": "true",
    "date": '"2026-11-25"',
}


def wide_schema(fields: int) -> SchemaObject:
    """A record of so many fields, their types in turn."""
    properties = [{"name": f"field_{number:03d}", "logicalType": _KINDS[number % 5]} for number in range(fields)]
    return msgspec.convert({"name": "wide", "properties": properties}, SchemaObject)


def page_of(schema: SchemaObject) -> bytes:
    """A page of about PAGE_BYTES of its records, with a field in every record that nobody declared."""
    members = [f'"{field.name}":{_VALUES[field.logicalType or ""]}' for field in schema.properties]
    record = "{" + ",".join([*members, '"undeclared":"x"']) + "}"
    count = max(1, PAGE_BYTES // len(record))
    return ('{"data":[' + ",".join([record] * count) + '],"next":null}').encode()


def mask_of(schema: SchemaObject, one_in: int) -> Mask:
    """One field in so many granted, every eighth of them masked where it is text."""
    fields = {field.name: "clear" for field in schema.properties[::one_in]}
    for field in schema.properties[:: 8 * one_in]:
        if field.logicalType == "string":
            fields[field.name] = {"keep_last": 4}  # type: ignore[assignment]
    granted = grant(schema, fields)
    if not isinstance(granted, GrantedView):
        raise TypeError(granted)
    return Mask(granted.record, Envelope())


def masking(fields: int, one_in: int) -> tuple[Callable[[], object], int]:
    """Decode, mask and encode one page; and the page's size in bytes."""
    schema = wide_schema(fields)
    mask, body = mask_of(schema, one_in), page_of(schema)

    def work() -> bytes:
        masked = mask.page(body)
        if isinstance(masked, NotMaskable):
            raise TypeError(masked.reason)
        return mask.encode(masked.records)

    return work, len(body)


def measure_width() -> dict[str, float]:
    """Nanoseconds a byte for a narrow and a wide product, of which all, half or few fields are granted; the ratios."""
    figures: dict[str, float] = {}
    for words, one_in in (("all", 1), ("half", 2), ("a_tenth", 10)):
        (narrow, narrow_bytes), (wide, wide_bytes) = masking(NARROW, one_in), masking(WIDE, one_in)
        narrow_us, wide_us = best_us(narrow, wide)
        narrow_ns, wide_ns = narrow_us * 1000 / narrow_bytes, wide_us * 1000 / wide_bytes
        figures[f"{words}_narrow_ns_per_byte"], figures[f"{words}_wide_ns_per_byte"] = narrow_ns, wide_ns
        figures[f"{words}_ratio"] = wide_ns / narrow_ns
    return figures


def documents(agreements: int) -> dict[str, bytes]:
    """A workspace of that many agreements, each for all of the same five products, under the sample's policy."""
    table = yaml.safe_load((Path(__file__).parents[1] / "tests" / "cases" / "documents.yaml").read_text())["workspace"]
    product = table["products/shipments.odcs.yaml"]
    files = {"policies/logistics-standard.yaml": table["policies/logistics-standard.yaml"]}
    names = [f"shipments-{number}" for number in range(PRODUCTS)]
    for name in names:
        text = product.replace("name: shipments\n", f"name: {name}\n").replace(":shipments\n", f":{name}\n")
        files[f"products/{name}.odcs.yaml"] = text
    listed = "".join(f"  - {{product: {name}, version: 2.1.0}}\n" for name in names)
    agreement = table["agreements/swift-2026.yaml"].replace("  - {product: shipments, version: 2.1.0}\n", listed)
    for number in range(agreements):
        own = agreement.replace("swift-2026", f"partner-{number}-2026").replace("id: swift,", f"id: partner-{number},")
        own = own.replace("{limit: 1200}", "{limit: 1000000, burst: 1000000}") + "ack: write\n"
        files[f"agreements/partner-{number}.yaml"] = own.replace("code: SWIFT", f"code: P{number}")
    return {name: text.encode() for name, text in files.items()}


def compiled(agreements: int) -> tuple[Plans, float, float]:
    """The plans, and the seconds that reading the documents and compiling them took."""
    files = documents(agreements)
    started = time.perf_counter()
    loaded, findings = decode_documents(files)
    read_s = time.perf_counter() - started
    started = time.perf_counter()
    plans = compile_documents(loaded, {"records": Backend()})
    if findings or not isinstance(plans, Plans):
        raise ValueError(findings or plans)
    return plans, read_s, time.perf_counter() - started


class _Fixed:
    """A backend that always says the same."""

    async def answer(self, _call: Call, _query: Query) -> Answer | Fault:
        record = b'{"shipment_id":"S-1","carrier_code":"P7","weight_kg":12.50,"customer":{"phone":"13812345678"}}'
        return Answer(200, "application/json", b'{"data":[' + b",".join([record] * 10) + b'],"next":null}')

    async def change(self, _call: Call, _change: Change) -> Answer | Fault:
        return Fault("protocol", "nothing can be changed here")

    async def close(self) -> None:
        return


def exchange_us(plans: Plans, requests: int) -> float:
    """Microseconds that one exchange takes in process, the best of several batches."""
    from bench.exchange import exchanging

    with tempfile.TemporaryDirectory(prefix="clausegate-bench-") as folder:
        return asyncio.run(exchanging(Path(folder), plans, _Fixed(), requests))


def measure_agreements(agreements: int) -> dict[str, float]:
    """Seconds and peak memory of compiling, and what one exchange then costs."""
    plans, read_s, compile_s = compiled(agreements)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "plans": float(len(plans.all_plans())),
        "read_s": read_s,
        "compile_s": compile_s,
        "peak_mib": peak_mib,
        "exchange_us": exchange_us(plans, 2000),
    }


PARTS: Mapping[str, Callable[[], dict[str, float]]] = {
    "width": measure_width,
    "few": lambda: measure_agreements(10),
    "many": lambda: measure_agreements(AGREEMENTS),
}


def _alone(part: str) -> dict[str, Any]:
    """One part in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.scale", "--part", part], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    return found


def main() -> None:
    """Print all figures, or with --part those of one part as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=sorted(PARTS), help="only this one, here, as JSON")
    part = parser.parse_args().part
    if part:
        print(msgspec.json.encode(PARTS[part]()).decode())
        return
    for name in PARTS:
        figures = ", ".join(f"{key} {value:,.2f}" for key, value in _alone(name).items())
        print(f"{name}: {figures}", flush=True)


if __name__ == "__main__":
    main()
