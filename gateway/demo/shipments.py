"""The demo's shipments: machines on their way to customers, each with the nodes of its transport."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any, Final

from gateway.demo.draw import TODAY, Person, moment, pick, shared_out, stream
from gateway.demo.words import CANARY, CARRIERS, MACHINES, PLACES

COUNT: Final = 20_000
_DAY_MINUTES: Final = 24 * 60


def shipments(seed: int, customers: Sequence[Person], count: int = COUNT) -> Iterator[dict[str, Any]]:
    """Records in order of `shipment_id`."""
    random = stream(seed, "shipments")
    for number, carrier in enumerate(shared_out(random, CARRIERS, count), 1):
        yield _shipment(random, number, carrier, customers)


def _shipment(random: Random, number: int, carrier: str, customers: Sequence[Person]) -> dict[str, Any]:
    model, _, _, weight, price = pick(random, MACHINES)
    person = pick(random, customers)
    origin = pick(random, PLACES)[1]
    token = int(random.random() * 10**9)
    days_ago = int(random.random() * 300)
    start = TODAY - timedelta(days=days_ago)
    travel_minutes = 720 + int(random.random() * 9_000)
    nodes = _nodes(random, start, days_ago, travel_minutes, [origin, person.city])
    return {
        "shipment_id": f"SHP-26-{number:06d}",
        "carrier_code": carrier,
        "order_no": f"HT-SO-{token % 10**6:06d}",
        "status": _status(nodes),
        "machine_model": model,
        "weight_kg": round(weight + random.random() * 1_000, 1),
        "declared_value": round(float(price) * (0.92 + random.random() * 0.08), 2),
        "margin_percent": round(4 + random.random() * 22, 1),
        "internal_note": f"{CANARY}note-{token % 9973}",
        "route": {
            "origin": origin,
            "destination": person.city,
            "distance_km": 80 + travel_minutes // 3,
            "planner": f"{CANARY}planner-{token % 41}",
        },
        "eta": moment(start, travel_minutes),
        "customer": {
            "id": f"{CANARY}cust-{token % 99_991}",
            "name": person.name_zh,
            "name_en": person.name_en,
            "phone": person.phone,
            "id_number": CANARY + person.id_number,
            "address": {
                "province": person.province,
                "city": person.city,
                "street": person.street,
                "gate_code": f"{CANARY}{token % 10_000:04d}",
            },
        },
        "nodes": nodes,
        # No version of the product declares this one: a field that the backend's team added on its own.
        "sync_token": f"{CANARY}sync-{token:x}",
    }


def _nodes(random: Random, start: date, days_ago: int, travel_minutes: int, ends: list[str]) -> list[dict[str, Any]]:
    """From the first end to the last. What lies after the day of the data is planned and not yet done."""
    count = 3 + int(random.random() * 4)
    leaves_at = 360 + int(random.random() * 600)
    now = (days_ago + 1) * _DAY_MINUTES
    nodes = []
    for place in range(count):
        at = leaves_at + place * travel_minutes // count
        event = "collected" if place == 0 else "delivered" if place == count - 1 else "passed"
        nodes.append(
            {
                "seq": place + 1,
                "city": ends[0] if place == 0 else ends[1] if place == count - 1 else pick(random, PLACES)[1],
                "event": event if at <= now else "planned",
                "at": moment(start, at),
                "driver": f"{CANARY}driver-{int(random.random() * 900)}",
            }
        )
    return nodes


def _status(nodes: list[dict[str, Any]]) -> str:
    if nodes[-1]["event"] == "delivered":
        return "delivered"
    return "in_transit" if nodes[0]["event"] == "collected" else "booked"
