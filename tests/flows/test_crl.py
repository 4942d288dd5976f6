"""An authority withdraws a client's certificate: its tokens end within seconds, while the gateway serves."""

import asyncio
import datetime
import ssl
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from gateway.settings import Settings
from gateway.store.clients import Client, Clients
from gateway.store.opening import open_store
from tests.flows.backend import backend
from tests.flows.demo import clausegate, until
from tests.flows.hub import hub
from tests.unit.oauth.issued import DAY, Issued, issue
from tests.unit.oauth.revoking import der, listed

pytestmark = pytest.mark.slow

OWN = issue("localhost", names=[x509.IPAddress(ip_address("127.0.0.1"))])
ROOT = issue("Client CA", authority=True)
BETWEEN = issue("Client CA 1", ROOT, authority=True)
BANK = issue("bank", BETWEEN)
OF_BANK = Client("bank", "swift", "tls_client_auth", 0, False, 0, tls_subject_kind="dn", tls_subject="CN=bank")
AN_HOUR_AGO = datetime.datetime.now(datetime.UTC) - DAY / 24


def publish(folder: Path, name: str, crl: x509.CertificateRevocationList) -> None:
    """As whoever fetches lists puts them there."""
    (folder / "new").write_bytes(der(crl))
    (folder / "new").rename(folder / name)


async def add(folder: Path, client: Client) -> None:
    store = await open_store(Settings(), folder)
    try:
        assert await Clients(store).add(client)
    finally:
        await store.close()


def partner(folder: Path, url: str, shown: Issued) -> httpx.Client:
    """A program of the bank's."""
    trusting = ssl.create_default_context(cadata=OWN.pem)
    trusting.load_cert_chain(*shown.files(folder, "shown"))
    return httpx.Client(verify=trusting, base_url=url, timeout=30)


def test_who_is_on_the_list_gets_no_token_and_the_one_it_has_is_good_no_longer(tmp_path: Path) -> None:
    certificate, key = OWN.files(tmp_path, "own")
    ca, _ = ROOT.files(tmp_path, "ca")
    settings = f'tls_certificate_file = "{certificate}"\ntls_key_file = "{key}"\nclient_ca_file = "{ca}"\n'
    settings += 'client_crl_files = ["root.crl", "between.crl"]\n'
    with backend() as records, hub(tmp_path, records.url, settings=settings) as made:
        publish(made.folder, "root.crl", listed(ROOT, begins=AN_HOUR_AGO))
        publish(made.folder, "between.crl", listed(BETWEEN, begins=AN_HOUR_AGO))
        asyncio.run(add(made.folder, OF_BANK))
        with made.serving() as gateway, partner(tmp_path, gateway.url, BANK) as bank:
            form = {"grant_type": "client_credentials", "client_id": "bank", "resource": gateway.url}
            given = bank.post("/oauth/token", data=form)
            assert given.status_code == 200, given.text
            bearer = {"authorization": f"Bearer {given.json()['access_token']}"}
            assert bank.get("/v1/shipments", headers=bearer).status_code == 200
            publish(made.folder, "between.crl", listed(BETWEEN, BANK))
            until(lambda: bank.get("/v1/shipments", headers=bearer).status_code == 401)
            refused = bank.post("/oauth/token", data=form)
            assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
            assert "revoked" not in refused.text
            request_id = refused.headers["x-request-id"]
            until(lambda: clausegate("why", made.folder, request_id).returncode == 0)
            assert "was revoked by whoever issued it" in " ".join(
                clausegate("why", made.folder, request_id).stdout.split()
            )
