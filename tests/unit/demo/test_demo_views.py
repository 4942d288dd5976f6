"""All that each partner can ever get of the demo's data: its own rows, no canary, nothing withheld."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Adapter, Answer, Query
from contracts.mask import Masked
from contracts.odcs import odcs_findings
from contracts.plan import Plan
from gateway.demo.data import DemoData
from gateway.demo.words import CANARY
from gateway.demo.workspace import assemble, samples
from gateway.reload import connect_all
from gateway.workspace import Workspace, load_workspace
from policies.keys import PartnerKeys

OWN = {
    "shipments": ("carrier_code", "SWIFT"),
    "repayments": ("bank_code", "HARBOR"),
    "leads": ("dealer_code", "SUMMIT"),
}


@pytest.fixture(scope="module")
def workspace_over_data(demo_data: DemoData) -> Iterator[Workspace]:
    data = demo_data.shipments.parent
    command = [sys.executable, "-m", "gateway.demo.backend", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rsplit(":", 1)[1])
            loaded = load_workspace(assemble(data.parent, port), {})
            assert isinstance(loaded, Workspace), [finding.to_text() for finding in loaded]
            yield loaded
        finally:
            process.terminate()


async def everything(plan: Plan, adapter: Adapter) -> tuple[list[Any], bytes]:
    """The masked records of every page, decoded and as they go out; rows are filtered by the backend alone."""
    records: list[Any] = []
    sent = b""
    mask = plan.mask.with_keys(PartnerKeys(bytes(32), plan.contract.partner))
    after: str | None = None
    while True:
        answer = await adapter.answer(plan.call, Query(limit=200, after=after))
        assert isinstance(answer, Answer), answer
        masked = mask.page(answer.body)
        assert isinstance(masked, Masked), masked
        assert masked.drift == ()
        out = mask.encode(masked.records)
        records += json.loads(out)
        sent += out
        after = masked.next
        if after is None:
            return records, sent


@pytest.mark.parametrize("product", ["shipments", "repayments", "parts", "leads"])
async def test_a_partner_gets_its_own_rows_no_canary_and_every_granted_field(
    workspace_over_data: Workspace, product: str
) -> None:
    adapters = connect_all(workspace_over_data.backends, {}, {})
    (plan,) = [
        plan for plan in workspace_over_data.plans.all_plans() if (plan.product, plan.operation) == (product, "list")
    ]
    try:
        records, sent = await everything(plan, adapters[plan.backend])
    finally:
        for adapter in adapters.values():
            await adapter.close()
    assert CANARY.encode() not in sent
    if product in OWN:
        name, code = OWN[product]
        assert {record[name] for record in records} == {code}
        assert 100 < len(records) < 20_000
    else:
        assert len(records) == 3_000
    assert set(records[0]) == {field.path[0] for field, _ in plan.view.leaves}


def test_the_samples_of_a_workspace_have_no_mistake_and_no_warning(workspace_over_data: Workspace) -> None:
    assert workspace_over_data.warnings == []
    assert odcs_findings(workspace_over_data.documents.products) == []


def test_the_northwind_workspace_has_no_mistake_and_no_warning(tmp_path: Path) -> None:
    loaded = load_workspace(samples() / "deploy" / "northwind", {"CLAUSEGATE_TESTDATA": str(tmp_path)})
    assert isinstance(loaded, Workspace), [finding.to_text() for finding in loaded]
    assert loaded.warnings == []
    assert odcs_findings(loaded.documents.products) == []
