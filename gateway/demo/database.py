"""The demo's SQL database: spare parts with their stock, the leads of dealers, and the service engineers' schedule.

The schedule is the company's own system: no contract knows it. The database itself enters a lead's visit in it, as an
ERP would, whoever wrote the lead.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from gateway.demo.draw import TODAY, Person, pick, shared_out, stream
from gateway.demo.words import CANARY, DEALERS, MACHINES, PART_NOUNS, SERVICE_ENGINEERS, SUPPLIERS

PARTS: Final = 3_000
LEADS: Final = 500
_STATUSES = ("new", "contacted", "demo_booked", "quoted", "won", "lost")
_SOURCES = ("website", "trade_fair", "referral", "call_centre")

_SCHEMA = """
CREATE TABLE spare_parts (
  part_number TEXT PRIMARY KEY, name_zh TEXT NOT NULL, name_en TEXT NOT NULL, fits_model TEXT NOT NULL,
  stock_changsha INTEGER NOT NULL, stock_shenyang INTEGER NOT NULL,
  stock_chengdu INTEGER NOT NULL, stock_rotterdam INTEGER NOT NULL,
  lead_time_days INTEGER NOT NULL, list_price NUMERIC(12, 2) NOT NULL, updated_on DATE NOT NULL,
  unit_cost NUMERIC(12, 2) NOT NULL, supplier_name TEXT NOT NULL, supplier_contact TEXT NOT NULL,
  supplier_price NUMERIC(12, 2) NOT NULL, bin_location TEXT NOT NULL, buyer_note TEXT NOT NULL
);
CREATE TABLE leads (
  lead_id INTEGER PRIMARY KEY, dealer_code TEXT NOT NULL, company TEXT NOT NULL,
  contact_name TEXT NOT NULL, contact_phone TEXT NOT NULL,
  contact_id_number TEXT NOT NULL DEFAULT '', contact_email TEXT NOT NULL DEFAULT '',
  machine_model TEXT NOT NULL, quantity INTEGER NOT NULL, budget NUMERIC(14, 2), status TEXT NOT NULL DEFAULT 'new',
  source TEXT NOT NULL DEFAULT 'dealer', visit_on DATE, created_on DATE NOT NULL DEFAULT (date('now', '+8 hours')),
  internal_score REAL NOT NULL DEFAULT 0, rival_offer TEXT NOT NULL DEFAULT '', sales_note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX leads_by_dealer ON leads (dealer_code, lead_id);
CREATE TABLE service_engineers (engineer TEXT PRIMARY KEY);
CREATE TABLE service_schedule (
  lead_id INTEGER PRIMARY KEY REFERENCES leads, visit_on DATE NOT NULL,
  engineer TEXT NOT NULL REFERENCES service_engineers, machine_model TEXT NOT NULL
);
"""
# A visit goes to the engineer who has the fewest on that day.
_TRIGGERS = """
CREATE TRIGGER lead_added AFTER INSERT ON leads WHEN NEW.visit_on IS NOT NULL BEGIN
  INSERT INTO service_schedule (lead_id, visit_on, engineer, machine_model)
  SELECT NEW.lead_id, NEW.visit_on, engineer, NEW.machine_model FROM service_engineers ORDER BY (
    SELECT count(*) FROM service_schedule
    WHERE service_schedule.engineer = service_engineers.engineer AND service_schedule.visit_on = NEW.visit_on
  ), engineer LIMIT 1;
END;
CREATE TRIGGER visit_changed AFTER UPDATE OF visit_on ON leads WHEN NEW.visit_on IS NOT OLD.visit_on BEGIN
  DELETE FROM service_schedule WHERE lead_id = OLD.lead_id;
  INSERT INTO service_schedule (lead_id, visit_on, engineer, machine_model)
  SELECT NEW.lead_id, NEW.visit_on, engineer, NEW.machine_model FROM service_engineers WHERE NEW.visit_on IS NOT NULL
  ORDER BY (
    SELECT count(*) FROM service_schedule
    WHERE service_schedule.engineer = service_engineers.engineer AND service_schedule.visit_on = NEW.visit_on
  ), engineer LIMIT 1;
END;
CREATE TRIGGER lead_removed AFTER DELETE ON leads BEGIN
  DELETE FROM service_schedule WHERE lead_id = OLD.lead_id;
END;
"""


def make_database(file: Path, seed: int, customers: Sequence[Person]) -> None:
    """Write all tables to a new SQLite file at `file`."""
    parts, leads = stream(seed, "parts"), stream(seed, "leads")
    dealers = shared_out(leads, DEALERS, LEADS)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(_SCHEMA + _TRIGGERS)
        _insert(connection, "service_engineers", [(name,) for name in SERVICE_ENGINEERS])
        _insert(connection, "spare_parts", [_part(parts, number) for number in range(1, PARTS + 1)])
        _insert(connection, "leads", [_lead(leads, number, code, customers) for number, code in enumerate(dealers, 1)])


def _insert(connection: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * len(rows[0]))
    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - literal table names


def _part(random: Random, number: int) -> tuple[Any, ...]:
    name_zh, name_en, group = pick(random, PART_NOUNS)
    model = pick(random, MACHINES)[0]
    cost = round(18 + random.random() ** 3 * 24_000, 2)
    token = int(random.random() * 10**8)
    stock = [0 if random.random() < 0.2 else int(random.random() ** 2 * 240) for _ in range(4)]
    return (
        f"{group}-{model}-{number:04d}",
        f"{model} {name_zh}",
        f"{name_en}, {model}",
        model,
        *stock,
        2 + int(random.random() * 44),
        round(cost * 1.62, 2),
        (TODAY - timedelta(days=int(random.random() * 60))).isoformat(),
        cost,
        CANARY + pick(random, SUPPLIERS),
        f"{CANARY}supplier-{token % 97}@example.com",
        round(cost * 0.81, 2),
        f"{CANARY}bin-{token % 7919}",
        f"{CANARY}buyer-{token:08d}",
    )


def _lead(random: Random, number: int, dealer: str, customers: Sequence[Person]) -> tuple[Any, ...]:
    person = pick(random, customers)
    model, _, _, _, price = pick(random, MACHINES)
    quantity = 1 + int(random.random() ** 3 * 6)
    token = int(random.random() * 10**8)
    return (
        number,
        dealer,
        f"{person.city[:-1]}{person.name_zh[0]}氏工程机械租赁有限公司",
        person.name_zh,
        person.phone,
        CANARY + person.id_number,
        f"{CANARY}{token:08d}@example.com",
        model,
        quantity,
        None if random.random() < 0.15 else round(float(price) * quantity * (0.8 + random.random() * 0.3), -3),
        pick(random, _STATUSES),
        pick(random, _SOURCES),
        (TODAY + timedelta(days=1 + token % 20)).isoformat() if token % 8 == 0 else None,
        (TODAY - timedelta(days=int(random.random() * 200))).isoformat(),
        round(random.random() * 100, 1),
        f"{CANARY}rival-{token % 5_003}",
        f"{CANARY}sales-{token % 9_973}",
    )
