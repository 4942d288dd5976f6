"""The demo's financed orders: who bought on credit, at which bank, and how the instalments come in."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from gateway.demo.draw import TODAY, Person, pick, shared_out, stream
from gateway.demo.words import BANKS, CANARY, MACHINES

COUNT: Final = 5_000
_PAID_OUT_DAYS: Final = 3
_WAITING_DAYS: Final = 60
"""Orders signed since then have not been paid out: a bank has something to confirm."""
_TERMS_MONTHS = (6, 6, 12, 12, 12, 18, 24)


def repayments(seed: int, customers: Sequence[Person], count: int = COUNT) -> Iterator[dict[str, Any]]:
    """Records in order of `order_no`."""
    random = stream(seed, "repayments")
    for number, bank in enumerate(shared_out(random, BANKS, count), 1):
        yield _order(random, number, bank, customers)


def _order(random: Random, number: int, bank: str, customers: Sequence[Person]) -> dict[str, Any]:
    model, _, _, _, price = pick(random, MACHINES)
    person = pick(random, customers)
    token = int(random.random() * 10**9)
    amount = int(Decimal(price))
    down_payment = amount * (2 + int(random.random() * 3)) // 10
    signed = TODAY - timedelta(days=30 + int(random.random() * 700))
    term = pick(random, _TERMS_MONTHS)
    instalments = _instalments(random, signed, term, (amount - down_payment) // term)
    late = [entry for entry in instalments if entry["status"] == "overdue"]
    past_due = (TODAY - date.fromisoformat(late[0]["due_on"])).days if late else 0
    return {
        "order_no": f"FO-{number:06d}",
        "bank_code": bank,
        "machine_model": model,
        "signed_on": signed.isoformat(),
        "currency": "CNY",
        "order_amount": amount,
        "down_payment": down_payment,
        "term_months": term,
        "annual_rate_percent": round(3.85 + int(random.random() * 40) / 20, 2),
        **_disbursement(number, bank, signed),
        "status": _status(past_due, instalments),
        "days_past_due": past_due,
        "overdue_amount": sum(entry["amount"] for entry in late),
        "instalments": instalments,
        "credit_score": 480 + int(random.random() * 370),
        "collection_note": f"{CANARY}collection-{token % 9973}",
        "customer": {
            "id": f"{CANARY}cust-{token % 99_991}",
            "name": CANARY + person.name_zh,
            "name_en": CANARY + person.name_en,
            "phone": CANARY + person.phone,
            "id_number": CANARY + person.id_number,
            "bank_account": CANARY + person.bank_account,
            "address": {
                "province": CANARY + person.province,
                "city": CANARY + person.city,
                "street": CANARY + person.street,
            },
        },
        "guarantor": {
            "name": f"{CANARY}guarantor-{token % 8_999}",
            "phone": CANARY + person.phone[::-1],
        },
    }


def _disbursement(number: int, bank: str, signed: date) -> dict[str, str | None]:
    """What the bank said of paying the loan out, nothing yet for an order that is fresh."""
    if (TODAY - signed).days < _WAITING_DAYS:
        return {"disbursed_on": None, "disbursement_ref": None}
    paid_out = signed + timedelta(days=_PAID_OUT_DAYS)
    return {"disbursed_on": paid_out.isoformat(), "disbursement_ref": f"{bank[:2]}-{paid_out:%Y%m%d}-{number:06d}"}


def _status(past_due: int, instalments: list[dict[str, Any]]) -> str:
    if past_due:
        return "default" if past_due > 90 else "overdue"
    return "settled" if all(entry["status"] == "paid" for entry in instalments) else "performing"


def _instalments(random: Random, signed: date, term: int, amount: int) -> list[dict[str, Any]]:
    """One a month. Most are paid around the day they fall due; once somebody stops paying, the rest stays open."""
    made = []
    stops_after = term if random.random() < 0.93 else int(random.random() * term)
    for number in range(1, term + 1):
        due = signed + timedelta(days=30 * number)
        paid_on = due + timedelta(days=int(random.random() * 9) - 6)
        paid = number <= stops_after and paid_on <= TODAY
        made.append(
            {
                "no": number,
                "due_on": due.isoformat(),
                "amount": amount,
                "status": "paid" if paid else "overdue" if due < TODAY else "due",
                "paid_on": paid_on.isoformat() if paid else None,
                "payer_ref": f"{CANARY}{int(random.random() * 10**8):08d}",
            }
        )
    return made
