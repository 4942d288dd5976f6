"""The demo's data: the same every time, as many as promised, and every text that nobody may see begins with canary-."""

import hashlib
import json
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from contracts.product import Product
from contracts.workspace import Documents
from gateway.demo import data
from gateway.demo.data import DemoData, generate
from gateway.demo.draw import people
from gateway.demo.shipments import shipments
from gateway.demo.words import CANARY, CARRIERS, SERVICE_ENGINEERS
from tests.unit.demo.seen import seen, seen_columns, texts

SQL_PRODUCTS = {"parts": "spare_parts", "leads": "leads"}


def product(documents: Documents, name: str) -> Product:
    (found,) = [loaded.value for loaded in documents.products if loaded.value.name == name]
    return found


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def rows(database: Path, table: str) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return list(connection.execute(f"SELECT * FROM {table}"))


def digest(made: DemoData) -> list[str]:
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in (made.shipments, made.repayments, made.database)]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_gives_others(demo_data: DemoData, tmp_path: Path) -> None:
    assert digest(generate(tmp_path / "again")) == digest(demo_data)
    other = digest(generate(tmp_path / "other", seed=7))
    assert not set(other) & set(digest(demo_data))


def test_there_are_as_many_records_as_the_demo_promises(demo_data: DemoData) -> None:
    assert len(lines(demo_data.shipments)) == 20_000
    assert len(lines(demo_data.repayments)) == 5_000
    assert len(rows(demo_data.database, "spare_parts")) == 3_000
    assert len(rows(demo_data.database, "leads")) == 500


@pytest.mark.parametrize("name", ["shipments", "repayments"])
def test_a_text_begins_with_canary_exactly_where_no_role_sees_it(
    demo_data: DemoData, documents: Documents, name: str
) -> None:
    visible = seen(product(documents, name))
    wrong = {
        path
        for record in lines(getattr(demo_data, name))
        for path, text in texts(record)
        if text.startswith(CANARY) == (path in visible)
    }
    assert wrong == set()


@pytest.mark.parametrize(("name", "table"), SQL_PRODUCTS.items())
def test_a_column_of_text_begins_with_canary_exactly_where_no_role_sees_it(
    demo_data: DemoData, documents: Documents, name: str, table: str
) -> None:
    visible = seen_columns(product(documents, name))
    wrong = {
        column
        for row in rows(demo_data.database, table)
        for column in row.keys()  # noqa: SIM118 - iterating a Row gives its values
        if isinstance(row[column], str) and row[column].startswith(CANARY) == (column in visible)
    }
    assert wrong == set()


@pytest.mark.parametrize("name", ["shipments", "repayments"])
def test_canaries_stand_at_every_depth_and_one_in_a_field_that_no_document_knows(
    demo_data: DemoData, name: str
) -> None:
    hidden = {path for path, text in texts(lines(getattr(demo_data, name))[0]) if text.startswith(CANARY)}
    assert {len(path) for path in hidden} >= {1, 2, 3}
    assert any(path[0] in {"nodes", "instalments"} for path in hidden)
    if name == "shipments":
        assert ("sync_token",) in hidden


def test_records_are_in_order_of_key_and_keys_are_never_given_twice(demo_data: DemoData) -> None:
    for file, key in ((demo_data.shipments, "shipment_id"), (demo_data.repayments, "order_no")):
        keys = [record[key] for record in lines(file)]
        assert keys == sorted(set(keys))


def test_every_carrier_has_about_its_share_and_every_shipment_three_to_six_nodes(demo_data: DemoData) -> None:
    records = lines(demo_data.shipments)
    counts = Counter(record["carrier_code"] for record in records)
    for code, percent in CARRIERS:
        assert counts[code] / len(records) == pytest.approx(percent / 100, abs=0.02)
    assert {len(record["nodes"]) for record in records} == {3, 4, 5, 6}


def test_a_page_of_ten_shipments_is_about_eleven_kilobytes(demo_data: DemoData) -> None:
    found = demo_data.shipments.read_bytes().splitlines()
    assert 10_000 < 10 * sum(map(len, found)) / len(found) < 12_500


def test_a_status_follows_from_the_nodes() -> None:
    for record in shipments(5, people(5, 50), count=500):
        done = [node["event"] != "planned" for node in record["nodes"]]
        assert done == sorted(done, reverse=True)  # nothing has happened after something that has not
        expected = "delivered" if all(done) else "in_transit" if any(done) else "booked"
        assert record["status"] == expected


def test_repayments_add_up(demo_data: DemoData) -> None:
    statuses, confirmed = set(), set()
    for record in lines(demo_data.repayments):
        late = [entry for entry in record["instalments"] if entry["status"] == "overdue"]
        assert record["overdue_amount"] == sum(entry["amount"] for entry in late)
        assert (record["days_past_due"] > 0) == bool(late) == (record["status"] in {"overdue", "default"})
        assert len(record["instalments"]) == record["term_months"]
        assert all((entry["paid_on"] is not None) == (entry["status"] == "paid") for entry in record["instalments"])
        statuses.add(record["status"])
        confirmed.add(record["disbursed_on"] is not None)
        assert (record["disbursed_on"] is None) == (record["disbursement_ref"] is None)
    assert statuses == {"performing", "overdue", "default", "settled"}
    assert confirmed == {True, False}  # a bank has something to confirm


def test_people_have_phones_and_id_numbers_of_the_right_form_and_the_id_numbers_are_nobodys() -> None:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    for person in people(1, 300):
        assert re.fullmatch(r"1[3-9]\d{9}", person.phone)
        assert re.fullmatch(r"\d{17}[\dX]", person.id_number)
        total = sum(weight * int(digit) for weight, digit in zip(weights, person.id_number[:17], strict=True))
        assert person.id_number[17] != "10X98765432"[total % 11]  # GB 11643: the right digit would be a person's


def test_data_that_are_there_are_kept_and_data_of_another_version_replaced(
    demo_data: DemoData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(demo_data.shipments.parent, folder)
    made = generate(folder)
    made.shipments.write_bytes(b"mine")
    assert generate(folder).shipments.read_bytes() == b"mine"
    monkeypatch.setattr(data, "VERSION", data.VERSION + 1)
    assert digest(generate(folder)) == digest(demo_data)


def test_a_run_that_was_cut_short_is_done_again(demo_data: DemoData, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(demo_data.shipments.parent, folder)
    (folder / ".making").mkdir()
    (folder / ".making" / "hub.db").write_bytes(b"half")
    (folder / "hub.db").unlink()
    assert digest(generate(folder)) == digest(demo_data)
    assert not (folder / ".making").exists()


NEW_LEAD = """
    INSERT INTO leads (dealer_code, company, contact_name, contact_phone, machine_model, quantity, visit_on)
    VALUES ('SUMMIT', 'x', 'x', 'x', 'HT75C', 1, ?)
"""
VISITS = "SELECT visit_on, engineer FROM service_schedule WHERE lead_id = ?"


@pytest.fixture
def hub(demo_data: DemoData, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The database, in a copy that may be changed."""
    shutil.copyfile(demo_data.database, tmp_path / "hub.db")
    with closing(sqlite3.connect(tmp_path / "hub.db")) as connection:
        yield connection


def test_the_schedule_holds_the_visit_of_each_lead_that_asks_for_one(hub: sqlite3.Connection) -> None:
    asked = hub.execute("SELECT lead_id, visit_on FROM leads WHERE visit_on IS NOT NULL ORDER BY lead_id").fetchall()
    assert len(asked) > 20
    assert hub.execute("SELECT lead_id, visit_on FROM service_schedule ORDER BY lead_id").fetchall() == asked


def test_a_new_lead_with_a_visit_goes_to_the_engineer_with_the_fewest_on_that_day(hub: sqlite3.Connection) -> None:
    leads = [hub.execute(NEW_LEAD, ("2030-01-02",)).lastrowid for _ in range(5)]
    engineers = [hub.execute(VISITS, (lead,)).fetchone()[1] for lead in leads]
    assert engineers == [*sorted(SERVICE_ENGINEERS), min(SERVICE_ENGINEERS)]


def test_the_schedule_follows_a_visit_that_is_moved_or_called_off(hub: sqlite3.Connection) -> None:
    lead = hub.execute(NEW_LEAD, (None,)).lastrowid
    for visit_on in ("2030-01-02", "2030-01-03", None, "2030-01-04"):
        hub.execute("UPDATE leads SET visit_on = ? WHERE lead_id = ?", (visit_on, lead))
        assert [row[0] for row in hub.execute(VISITS, (lead,))] == ([visit_on] if visit_on else [])
    hub.execute("DELETE FROM leads WHERE lead_id = ?", (lead,))
    assert hub.execute(VISITS, (lead,)).fetchall() == []
