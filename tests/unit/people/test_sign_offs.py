"""A sign-off is one record in the partner's own tree, and whoever lists them lists what the log holds."""

from pathlib import Path

import pytest

from contracts.plan import Contract
from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.writer import Writer
from gateway.authority_record import AuthorityError
from gateway.people.sign_offs import SigningOff, SignOff, SignOffs
from tests.unit.sla.hub import plans_of

CONTRACT, OTHER = list(plans_of().contracts.values())[:2]


def heard(username: str, contract: Contract, time_us: int, event: str = "agreement-signed-off") -> Authority:
    subject = f"{contract.agreement} {contract.version} {username}"
    return Authority(time_us, event, subject, contract.hash, contract.partner)


def test_of_each_person_the_first_counts_whatever_the_order_they_are_heard_in() -> None:
    known = SignOffs()
    for username, time_us in (("li", 30), ("oidc:ana", 20), ("li", 10), ("li", 40)):
        known.hear(heard(username, CONTRACT, time_us))
    known.hear(heard("bo", OTHER, 5))
    known.hear(heard("1.0.0", CONTRACT, 1, "agreement-activated"))
    assert known.of(CONTRACT.hash) == (SignOff("li", 10), SignOff("oidc:ana", 20))
    assert known.of(OTHER.hash) == (SignOff("bo", 5),)
    assert known.of("0" * 64) == ()


class Elsewhere:
    """Another process, whose records are heard when somebody looks."""

    def __init__(self, known: SignOffs) -> None:
        self.known, self.records = known, list[Authority]()

    async def catch_up(self) -> None:
        for record in self.records:
            self.known.hear(record)


async def test_whoever_has_signed_anywhere_is_not_recorded_again(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, "gw-1")
    assert isinstance(writer, Writer)
    known = SignOffs()
    elsewhere = Elsewhere(known)
    signing = SigningOff(writer, known, elsewhere.catch_up)
    elsewhere.records.append(heard("bo", CONTRACT, 5))
    for username in ("li", "bo", "li"):
        await signing.sign(CONTRACT, username)
    given = await signing.given([CONTRACT, OTHER])
    assert [one.username for one in given[CONTRACT.hash]] == ["bo", "li"]
    assert given[OTHER.hash] == ()
    writer.close()
    (record,) = read_as(tmp_path, Authority)
    assert (record.event, record.subject) == (
        "agreement-signed-off",
        f"{CONTRACT.agreement} {CONTRACT.version} li",
    )
    assert (record.contract, record.partner) == (CONTRACT.hash, CONTRACT.partner)


async def test_what_is_not_on_the_log_is_no_sign_off(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, "gw-1")
    assert isinstance(writer, Writer)
    writer.close()
    known = SignOffs()
    signing = SigningOff(writer, known, Elsewhere(known).catch_up)
    with pytest.raises(AuthorityError):
        await signing.sign(CONTRACT, "li")
    assert (await signing.given([CONTRACT]))[CONTRACT.hash] == ()
