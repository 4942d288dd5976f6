"""An agreement is in force when its document is kept and its activation recorded, in this order."""

import hashlib
from pathlib import Path

import pytest

from adapters.base import Backend
from contracts.compile import compile_documents
from contracts.plan import Plans
from contracts.workspace import decode_documents
from gateway.audit.contracts import read_contract
from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.writer import Writer
from gateway.reload import LogUnavailableError, record_activations
from tests.unit.contracts.sample import TABLE


@pytest.fixture
def plans() -> Plans:
    loaded, _ = decode_documents({name: text.encode() for name, text in TABLE["workspace"].items()})
    found = compile_documents(loaded, {"records": Backend()})
    assert isinstance(found, Plans)
    return found


def opened(log: Path) -> Writer:
    writer = Writer.open(log, "gw-1")
    assert isinstance(writer, Writer)
    return writer


async def test_the_record_names_a_document_that_is_kept_and_stands_in_the_partners_own_tree(
    tmp_path: Path, plans: Plans
) -> None:
    writer = opened(tmp_path)
    recorded: dict[str, str] = {}
    await record_activations(writer, plans, recorded, tmp_path)
    writer.close()
    [activation] = read_as(tmp_path, Authority)
    [contract] = plans.contracts.values()
    assert (activation.event, activation.contract, activation.partner) == (
        "agreement-activated",
        contract.hash,
        contract.partner,
    )
    document = read_contract(tmp_path, activation.contract)
    assert document is not None
    assert hashlib.sha256(document).hexdigest() == contract.hash
    assert recorded == {f"{contract.agreement} {contract.version}": contract.hash}


async def test_one_that_was_recorded_before_there_was_an_archive_gets_its_document_and_no_second_record(
    tmp_path: Path, plans: Plans
) -> None:
    writer = opened(tmp_path)
    [contract] = plans.contracts.values()
    await record_activations(writer, plans, {f"{contract.agreement} {contract.version}": contract.hash}, tmp_path)
    writer.close()
    assert list(read_as(tmp_path, Authority)) == []
    assert read_contract(tmp_path, contract.hash) is not None


async def test_without_its_document_nothing_is_recorded(tmp_path: Path, plans: Plans) -> None:
    writer = opened(tmp_path)
    (tmp_path / "contracts").write_bytes(b"in the way")
    recorded: dict[str, str] = {}
    with pytest.raises(LogUnavailableError, match="contracts cannot be written"):
        await record_activations(writer, plans, recorded, tmp_path)
    writer.close()
    assert list(read_as(tmp_path, Authority)) == []
    assert recorded == {}


async def test_a_log_that_cannot_be_written_keeps_the_agreement_out_of_force(tmp_path: Path, plans: Plans) -> None:
    writer = opened(tmp_path)
    writer.close()
    recorded: dict[str, str] = {}
    with pytest.raises(LogUnavailableError):
        await record_activations(writer, plans, recorded, tmp_path)
    assert recorded == {}
