"""A company nobody here invented: its workspace is served, and what partners get is compared with SQL on the file."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from gateway.authority import NewClient
from gateway.provision import provision
from gateway.workspace import Workspace, load_workspace
from tests.conftest import ROOT
from tests.flows.demo import clausegate, running

SHIPPERS = {"speedy-express": 1, "united-package": 2, "federal-shipping": 3}
PRODUCTS = {**dict.fromkeys(SHIPPERS, "orders"), "rhine-dealer": "customers", "corner-repair": "stock"}


class Served(Struct, frozen=True):
    """A gateway over the Northwind database, with an access token for each partner."""

    url: str
    workspace: Path
    tokens: dict[str, str]

    def get(self, partner: str, path: str) -> httpx.Response:
        return httpx.get(self.url + path, headers={"authorization": f"Bearer {self.tokens[partner]}"}, timeout=30)

    def everything(self, partner: str) -> list[dict[str, Any]]:
        """All records of the partner's product, page after page."""
        records: list[dict[str, Any]] = []
        path = f"/v1/{PRODUCTS[partner]}?limit=40"
        while True:
            answer = self.get(partner, path)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            records += page["data"]
            if page["next"] is None:
                return records
            path = f"/v1/{PRODUCTS[partner]}?limit=40&cursor={page['next']}"


@pytest.fixture(scope="module")
def database(testdata: Path) -> Path:
    file = testdata / "northwind.db"
    if not file.is_file():
        pytest.skip("there is no northwind.db in the folder of real data")
    return file


@pytest.fixture(scope="module")
def northwind(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    workspace = tmp_path_factory.mktemp("northwind") / "workspace"
    shutil.copytree(ROOT / "deploy" / "northwind", workspace)
    environment = {**os.environ, "CLAUSEGATE_TESTDATA": str(database.parent.resolve())}
    loaded = load_workspace(workspace, environment)
    assert isinstance(loaded, Workspace), [finding.to_text() for finding in loaded]
    clients = [NewClient(f"{partner}-app", partner, "client_secret_basic") for partner in PRODUCTS]
    _, credentials = asyncio.run(provision(loaded, "ops", clients))
    said = tmp_path_factory.mktemp("said")
    with running(
        said, "serve", workspace, "--port", 0, CLAUSEGATE_TESTDATA=environment["CLAUSEGATE_TESTDATA"]
    ) as process:
        process.says("ready ")
        tokens = {
            made.partner: token(process.url, made.client_id, made.secret.reveal())
            for made in credentials
            if made.secret
        }
        yield Served(process.url, workspace, tokens)


def token(url: str, client: str, secret: str) -> str:
    form = {"grant_type": "client_credentials", "resource": url}
    answer = httpx.post(f"{url}/oauth/token", data=form, auth=(client, secret), timeout=30)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def sql(database: Path, statement: str, *values: Any) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return list(connection.execute(statement, values))


@pytest.mark.parametrize("shipper", SHIPPERS)
def test_a_shipper_gets_every_order_that_it_carries_and_no_other(
    northwind: Served, database: Path, shipper: str
) -> None:
    expected = sql(database, "SELECT * FROM Orders WHERE ShipVia = ? ORDER BY OrderID", SHIPPERS[shipper])
    records = northwind.everything(shipper)
    assert [record["order_id"] for record in records] == [row["OrderID"] for row in expected]
    for record, row in zip(records, expected, strict=True):
        assert record["freight"] == row["Freight"]
        assert record["ship_to"]["address"] == row["ShipAddress"]
        assert record["ship_to"]["region"] == row["ShipRegion"]
        assert record["ship_to"]["name"] == row["ShipName"][:2] + "*" * (len(row["ShipName"]) - 2)
        assert "customer_id" not in record
        assert "employee_id" not in record


def test_the_three_shippers_together_have_every_order_once(northwind: Served, database: Path) -> None:
    numbers = [record["order_id"] for shipper in SHIPPERS for record in northwind.everything(shipper)]
    assert sorted(numbers) == [row["OrderID"] for row in sql(database, "SELECT OrderID FROM Orders ORDER BY 1")]


def test_one_order_can_be_had_by_its_shipper_only(northwind: Served, database: Path) -> None:
    (row,) = sql(database, "SELECT OrderID FROM Orders WHERE ShipVia = 2 ORDER BY OrderID LIMIT 1")
    path = f"/v1/orders/{row['OrderID']}"
    assert northwind.get("united-package", path).json()["order_id"] == row["OrderID"]
    refused = northwind.get("speedy-express", path)
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/record-not-found")


def test_a_dealer_gets_the_customers_of_its_country_with_their_contacts_masked(
    northwind: Served, database: Path
) -> None:
    expected = sql(database, "SELECT * FROM Customers WHERE Country = 'Germany' ORDER BY CustomerID")
    records = northwind.everything("rhine-dealer")
    assert [record["customer_id"] for record in records] == [row["CustomerID"] for row in expected]
    for record, row in zip(records, expected, strict=True):
        contact = record["contact"]
        assert contact["name"] == row["ContactName"][:1] + "*" * (len(row["ContactName"]) - 1)
        assert contact["phone"] == "*" * (len(row["Phone"]) - 4) + row["Phone"][-4:]
        assert contact["fax"] is None
        assert set(record["address"]) == {"city", "country"}


def test_a_repair_station_gets_the_stock_of_every_article_and_no_price(northwind: Served, database: Path) -> None:
    expected = sql(database, "SELECT * FROM Products ORDER BY ProductID")
    records = northwind.everything("corner-repair")
    assert [(record["article_id"], record["units_in_stock"]) for record in records] == [
        (row["ProductID"], row["UnitsInStock"]) for row in expected
    ]
    assert {name for record in records for name in record} == {
        "article_id",
        "name",
        "packing",
        "units_in_stock",
        "units_on_order",
        "discontinued",
    }


def test_a_partner_gets_nothing_of_a_product_that_its_agreement_does_not_cover(northwind: Served) -> None:
    refused = northwind.get("corner-repair", "/v1/orders")
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/unknown-product")
    assert refused.json()["clause"]["agreement"] == "corner-repair-2026"


def test_every_answer_is_on_a_log_that_verifies(northwind: Served) -> None:
    assert northwind.get("corner-repair", "/v1/stock?limit=1").headers["clausegate-receipt"]
    done = clausegate("verify", northwind.workspace)
    assert done.returncode == 0, done.stdout + done.stderr
