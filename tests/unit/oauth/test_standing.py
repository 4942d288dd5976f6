"""Whether an authority still stands by a certificate: of whom it is asked, and how often a chain is looked at."""

import datetime
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509

from gateway.oauth.certificates import Authorities, Certificate, client_fault
from gateway.oauth.standing import CertificateStanding
from gateway.store.clients import AuthMethod, Client, Clients
from gateway.store.store import Store
from tests.unit.oauth.issued import DAY, FOR_CLIENTS, issue
from tests.unit.oauth.revoking import listed, read
from tests.unit.store.ready_file import ready_file

ROOT = issue("Client CA", authority=True)
BETWEEN = issue("Client CA 1", ROOT, authority=True)
BANK, OTHER = (issue(name, BETWEEN, extensions=[FOR_CLIENTS]) for name in ("bank", "other"))
OWN = issue("bank")
NOW_S = datetime.datetime.now(datetime.UTC).timestamp()
OF_BANK = Client("bank", "b", "tls_client_auth", 0, False, 0, tls_subject_kind="dn", tls_subject="CN=bank")


class Counting(Authorities):
    """Counts how often a chain is built."""

    built = 0

    def _chain(self, certificate: Certificate, now_s: float) -> list[x509.Certificate] | None:
        self.built += 1
        return super()._chain(certificate, now_s)


def authorities(*revoked: int) -> Counting:
    return Counting([ROOT.certificate], read(listed(ROOT, *revoked), listed(BETWEEN, *revoked)))


@pytest.fixture
async def clients(tmp_path: Path) -> AsyncIterator[Clients]:
    store = await Store.open(ready_file(tmp_path))
    methods: tuple[AuthMethod, ...] = ("tls_client_auth", "self_signed_tls_client_auth", "private_key_jwt")
    for method in methods:
        assert await Clients(store).add(Client(method, "b", method, 0, False, 0))
    yield Clients(store)
    await store.close()


async def test_it_is_asked_of_clients_that_authenticate_by_an_authoritys_certificates_alone(clients: Clients) -> None:
    standing = CertificateStanding(authorities(BANK.certificate.serial_number), clients)
    await standing.follow()
    for shown in (BANK.shown, OWN.shown):
        for method in ("self_signed_tls_client_auth", "private_key_jwt", "unknown"):
            assert standing.fault(method, shown, NOW_S) is None
    assert standing.fault("tls_client_auth", BANK.shown, NOW_S) == "certificate-revoked"
    assert standing.fault("tls_client_auth", OWN.shown, NOW_S) == "certificate-wrong"
    assert standing.fault("tls_client_auth", OTHER.shown, NOW_S) is None
    assert await clients.add(Client("later", "b", "tls_client_auth", 0, False, 0))
    assert standing.fault("later", BANK.shown, NOW_S) is None
    await standing.follow()
    assert standing.fault("later", BANK.shown, NOW_S) == "certificate-revoked"


def test_who_leaves_out_the_authorities_between_does_not_get_past_their_lists() -> None:
    of, shown = authorities(), BANK.shown
    assert of.still(Certificate(shown.thumbprint, shown.der), NOW_S) == "certificate-wrong"
    assert of.still(shown, NOW_S) is None


def test_a_chain_is_looked_at_once_for_as_long_as_what_was_found_holds() -> None:
    of = authorities()
    for _ in range(3):
        assert of.still(BANK.shown, NOW_S) is None
    assert of.built == 1
    ends_s = NOW_S + DAY.total_seconds() + 2
    assert of.still(BANK.shown, ends_s) == "certificate-wrong"  # its validity is over before the list's
    assert of.built == 2
    assert of.still(BANK.shown, NOW_S) is None
    assert of.built == 3
    of.adopt(read(listed(ROOT), listed(BETWEEN, BANK)))
    assert of.still(BANK.shown, NOW_S) == "certificate-revoked"
    assert of.still(BANK.shown, NOW_S + 0.9) == "certificate-revoked"
    assert of.built == 4
    assert of.still(BANK.shown, NOW_S + 1) == "certificate-revoked"
    assert of.built == 5


def test_the_end_of_a_list_is_seen_by_whoever_remembers() -> None:
    short = listed(BETWEEN, lasts=DAY / 12)  # from an hour ago for two
    of = Counting([ROOT.certificate], read(listed(ROOT), short))
    assert short.next_update_utc is not None
    ends_s = short.next_update_utc.timestamp()
    assert of.still(BANK.shown, ends_s - 0.001) is None
    assert of.still(BANK.shown, ends_s) == "crl-stale"
    assert of.still(BANK.shown, ends_s - 0.001) is None


def test_without_lists_nothing_is_asked_and_with_none_that_speak_of_it_nobody_is_let_in() -> None:
    without = Counting([ROOT.certificate])
    assert without.still(OWN.shown, NOW_S) is None
    assert without.built == 0
    assert without.fault(BANK.shown, NOW_S) is None
    without.adopt(())
    assert without.still(BANK.shown, NOW_S) == without.fault(BANK.shown, NOW_S) == "crl-missing"


def test_that_a_certificate_is_revoked_is_told_to_its_own_client_and_no_other() -> None:
    of = authorities(BANK.certificate.serial_number, OTHER.certificate.serial_number)
    assert client_fault(BANK.shown, OF_BANK, of, NOW_S) == "certificate-revoked"
    assert client_fault(OTHER.shown, OF_BANK, of, NOW_S) == "certificate-wrong"
    assert client_fault(OTHER.shown, OF_BANK, authorities(), NOW_S) == "certificate-wrong"
    assert client_fault(BANK.shown, OF_BANK, authorities(), NOW_S) is None
    assert client_fault(None, OF_BANK, of, NOW_S) == "certificate-missing"


def test_a_revoked_authority_between_takes_everybody_below_with_it() -> None:
    of = authorities(BETWEEN.certificate.serial_number)
    for shown in (BANK, OTHER):
        assert of.fault(shown.shown, NOW_S) == "certificate-revoked"


def test_what_a_client_registered_itself_no_authority_revokes() -> None:
    mine = Client("p", "p", "self_signed_tls_client_auth", 0, False, 0, certificates=(BANK.registered,))
    assert client_fault(BANK.shown, mine, authorities(BANK.certificate.serial_number), NOW_S) is None
