"""Whoever replaces the files of lists, and has no key of an authority, takes nothing back and keeps nothing out."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from cryptography import x509

from gateway.oauth.certificates import Authorities
from gateway.oauth.crl_book import GENERATIONS_MAX, HELD_MAX, TO_COME_MAX, CrlBook
from gateway.oauth.crl_files import CrlFiles
from tests.unit.oauth.issued import DAY, Issued, issue
from tests.unit.oauth.revoking import NUMBER, listed, part, pem, read

List: TypeAlias = x509.CertificateRevocationList
NOW = datetime.datetime.now(datetime.UTC)
NOW_S = NOW.timestamp()
HOUR = DAY / 24
ROOT = issue("Client CA", authority=True)
BETWEEN = issue("Client CA 1", ROOT, authority=True)
FORGERS = {each: issue(each, authority=True) for each in ("Client CA", "Client CA 1")}
BANKS = {"an anchor": issue("bank", ROOT), "an authority below": issue("bank", BETWEEN)}
ISSUERS = {"an anchor": ROOT, "an authority below": BETWEEN}
OF_ROOT = listed(ROOT)


def of(issuer: Issued, *revoked: Issued, hours: float, key: Issued | None = None, **scope: Any) -> List:
    """A list of so many hours from now, naming the issuer's key whoever's `key` it is signed by."""
    named = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    extensions: list[tuple[x509.ExtensionType, bool]] = [(NUMBER, False), (named, False)]
    if scope:
        extensions.append((part(**scope), True))
    return listed(issuer, *revoked, key=(key or issuer).key, begins=NOW + HOUR * hours, extensions=extensions)


class Stage:
    """The files of both authorities, and a client of one, whose file somebody else may replace."""

    def __init__(self, folder: Path, issuer: str, first: List) -> None:
        self.folder, self.issuer, self.bank = folder, ISSUERS[issuer], BANKS[issuer]
        self.forger = FORGERS["Client CA" if issuer == "an anchor" else "Client CA 1"]
        self.authorities = Authorities([ROOT.certificate])
        names = ["theirs", "root"] if self.issuer is BETWEEN else ["theirs"]
        self._write("theirs", first)
        self._write("root", OF_ROOT)
        self.files = CrlFiles(folder, names, self.authorities, now=lambda: NOW_S)

    def _write(self, name: str, *lists: List) -> None:
        (self.folder / "new").write_bytes(pem(*lists))
        (self.folder / "new").rename(self.folder / name)

    async def put(self, *lists: List) -> None:
        """In the place of what was there."""
        self._write("theirs", *lists)
        await self.files.follow()

    def fault(self) -> str | None:
        return self.authorities.fault(self.bank.shown, NOW_S)


MakeStage: TypeAlias = Callable[..., Stage]


@pytest.fixture(params=list(ISSUERS))
def stage_of(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStage:
    """A stage for an issuer, whose first list revokes the client or not and is of an hour ago."""

    def made(*, revoked: bool, hours: float = -1) -> Stage:
        named = [BANKS[request.param]] if revoked else []
        return Stage(tmp_path, request.param, of(ISSUERS[request.param], *named, hours=hours))

    return made


@pytest.mark.parametrize("shown_first", [True, False], ids=["shown before", "shown only then"])
async def test_a_list_by_a_foreign_key_does_not_open_the_way_for_an_older_genuine_one(
    stage_of: MakeStage, shown_first: bool
) -> None:
    stage = stage_of(revoked=True)
    assert not shown_first or stage.fault() == "certificate-revoked"
    for forged in (listed(stage.forger, begins=NOW), of(stage.issuer, hours=-9, key=stage.forger)):
        await stage.put(forged)
        assert not shown_first or stage.fault() == "certificate-revoked"
    await stage.put(of(stage.issuer, hours=-2))
    assert stage.fault() == "certificate-revoked"


@pytest.mark.parametrize("shown_first", [True, False], ids=["shown before", "shown only then"])
async def test_a_forged_list_of_the_far_future_keeps_no_genuine_one_out(stage_of: MakeStage, shown_first: bool) -> None:
    stage = stage_of(revoked=False)
    assert not shown_first or stage.fault() is None
    await stage.put(of(stage.issuer, hours=24 * 3000, key=stage.forger))
    assert not shown_first or stage.fault() is None
    await stage.put(of(stage.issuer, stage.bank, hours=-0.5))
    assert stage.fault() == "certificate-revoked"
    await stage.put(of(stage.issuer, hours=-0.25))
    assert stage.fault() is None


async def test_a_list_of_a_part_or_of_another_place_takes_nothing_back(stage_of: MakeStage) -> None:
    stage = stage_of(revoked=True)
    for _ in range(2):
        await stage.put(of(stage.issuer, hours=-2, only_contains_user_certs=True))
        assert stage.fault() == "certificate-revoked"
        await stage.put(OF_ROOT)
    await stage.put(of(stage.issuer, hours=-0.5, only_contains_user_certs=True))
    assert stage.fault() is None


async def test_a_list_that_is_held_ends_when_it_says_so(stage_of: MakeStage) -> None:
    stage = stage_of(revoked=False)
    assert stage.fault() is None
    await stage.put(of(stage.issuer, hours=24 * 3000, key=stage.forger))
    after_s = (NOW + HOUR * 23.5).timestamp()
    assert stage.authorities.fault(stage.bank.shown, after_s) == "crl-stale"


class Book:
    """A book, with files of one authority below the root."""

    def __init__(self, held_max: int = HELD_MAX) -> None:
        self.book = CrlBook([ROOT.certificate], held_max=held_max)
        self.chain = [BANKS["an authority below"].certificate, BETWEEN.certificate, ROOT.certificate]

    def enter(self, *lists: List, name: str = "a") -> str:
        return self.book.enter(name, pem(*lists), read(*lists), NOW_S)

    def begin_at(self) -> list[float]:
        """Hours from now at which what counts for the chain begins."""
        found = self.book.lists_of(self.chain, NOW_S)
        return sorted(round((crl.this_update_s - NOW_S) / 3600, 1) for crl in found)


def test_a_list_of_an_authority_below_waits_until_a_chain_shows_its_key_and_then_the_key_is_known() -> None:
    book = Book()
    assert book.enter(of(BETWEEN, hours=-2)) == "entered"
    assert book.enter(of(BETWEEN, hours=-3)) == "entered"
    assert book.begin_at() == [-2.0]
    assert book.enter(of(BETWEEN, hours=-3)) == "older"
    assert book.enter(of(BETWEEN, hours=-1, key=FORGERS["Client CA 1"])) == "unknown-key"
    assert book.enter(of(BETWEEN, hours=-1)) == "entered"
    assert book.begin_at() == [-1.0]


def test_an_older_list_in_another_file_is_no_fault_and_counts_for_nothing() -> None:
    book = Book()
    assert book.enter(of(ROOT, hours=-1)) == "entered"
    assert book.enter(of(ROOT, hours=-2), name="a mirror") == "entered"
    assert book.begin_at() == [-1.0]


def test_what_waits_is_bounded_by_contents_of_a_file_however_often_one_comes_again() -> None:
    book, forger = Book(), FORGERS["Client CA 1"]
    book.enter(of(BETWEEN, hours=-2))
    forged = [of(BETWEEN, hours=hours, key=forger) for hours in range(GENERATIONS_MAX)]
    for each in (*forged[1:], *forged[1:]):
        book.enter(each)
    kept = sum(len(each.lists) for each in book.book._waiting["a"])
    assert kept == GENERATIONS_MAX
    book.enter(forged[0])
    assert sum(len(each.lists) for each in book.book._waiting["a"]) == GENERATIONS_MAX
    assert book.begin_at() == []


def test_lists_to_come_are_kept_beside_the_one_of_today_and_not_without_end() -> None:
    book = Book()
    for hours in (*range(TO_COME_MAX + 3, 0, -1), -1, -2):
        book.enter(of(ROOT, hours=hours), name=str(hours))
    assert book.begin_at() == [-1.0, *(float(hours) for hours in range(1, TO_COME_MAX + 1))]


def test_what_is_held_is_bounded_and_what_ends_first_goes() -> None:
    book = Book(held_max=2)
    for hours, place in ((-1, "1"), (-3, "2"), (-2, "3")):
        url = x509.UniformResourceIdentifier(f"http://ca.example/{place}.crl")
        book.enter(of(ROOT, hours=hours, full_name=[url]), name=place)
    assert book.begin_at() == [-2.0, -1.0]


def test_operators_hear_of_the_list_that_counts_and_not_of_the_forged_one_in_its_file() -> None:
    book = Book()
    book.enter(of(BETWEEN, hours=-2))
    assert [name for name, _ in book.book.named()] == ["a"]
    assert book.begin_at() == [-2.0]
    book.enter(of(BETWEEN, hours=9, key=FORGERS["Client CA 1"]))
    assert [round((crl.this_update_s - NOW_S) / 3600) for _, crl in book.book.named()] == [-2]
