"""authlib's client against the real gateway over https, by every method of authentication: token, call, introspection,
revocation. Clients from npm are in test_node_clients.py, DPoP with this library in test_demo.py."""

import asyncio
import json
import os
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.auth import encode_none
from authlib.oauth2.rfc7523 import PrivateKeyJWT

from gateway.oauth.certificate import certificate_from_pem
from tests.flows.backend import PAGE_RECORDS
from tests.flows.hub import CLIENT
from tests.flows.oauth_page import with_certificate
from tests.flows.registered import ISSUED, KID, OWN, Registered, registered

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PATIENCE_S = 10


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registered]:
    with registered(tmp_path_factory.mktemp("hub")) as serving:
        yield serving


class ShortLived(PrivateKeyJWT):
    """Assertions that are good for a minute, each by its own: the library's default of an hour is refused."""

    def sign(self, auth: Any, token_endpoint: str) -> Any:
        now_s = int(time.time())
        self.claims = {"iat": now_s, "exp": now_s + 60}
        return super().sign(auth, token_endpoint)  # type: ignore[no-untyped-call]  # authlib has no types


@asynccontextmanager
async def client_of(
    gateway: Registered, client_id: str, secret: Any = None, method: str = "client_secret_basic", shown: str = ""
) -> AsyncIterator[Any]:
    """authlib's client; `shown` is whose certificate its connections have."""
    trusting = ssl.create_default_context(cafile=gateway.trusted_file)
    if shown:
        trusting.load_cert_chain(*gateway.certificates[shown])
    asked: Any = AsyncOAuth2Client
    async with asked(
        client_id,
        secret,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        base_url=gateway.url,
        verify=trusting,
        timeout=30,
    ) as client:
        # RFC 8705 section 2: the form names the client, and nothing else of it says who it is.
        for name in ("tls_client_auth", "self_signed_tls_client_auth"):
            client.register_client_auth_method((name, encode_none))
        yield client


async def goes_through(gateway: Registered, client: Any) -> dict[str, Any]:
    """Token, call, introspection, revocation; what the introspection said."""
    form = {"grant_type": "client_credentials", "scope": "shipments:read", "resource": gateway.url}
    token = await client.fetch_token(f"{gateway.url}/oauth/token", **form)
    assert (token["token_type"], token["scope"]) == ("Bearer", "shipments:read")
    page = await client.get("/v1/shipments")
    assert (page.status_code, len(page.json()["data"])) == (200, PAGE_RECORDS)
    told = (await client.introspect_token(f"{gateway.url}/oauth/introspect", token["access_token"])).json()
    assert (told["active"], told["client_id"], told["scope"]) == (True, client.client_id, token["scope"])
    ended = await client.revoke_token(f"{gateway.url}/oauth/revoke", token["access_token"])
    assert ended.status_code == 200
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        if (await client.get("/v1/shipments")).status_code == 401:
            break
        assert time.monotonic() < deadline_s, "it was not revoked"
        await asyncio.sleep(0.05)
    again = await client.introspect_token(f"{gateway.url}/oauth/introspect", token["access_token"])
    assert again.json() == {"active": False}
    return dict(told)


async def test_with_a_secret(gateway: Registered) -> None:
    async with client_of(gateway, CLIENT, gateway.secret) as client:
        told = await goes_through(gateway, client)
    assert (told["tier"], told.get("cnf")) == ("basic", None)


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
async def test_with_a_key_of_each_algorithm(gateway: Registered, algorithm: str) -> None:
    who, key = gateway.client_of(algorithm), gateway.keys[algorithm]
    async with client_of(gateway, who, key, "private_key_jwt") as client:
        signing: Any = ShortLived
        client.register_client_auth_method(signing(gateway.url, headers={"kid": KID}, alg=algorithm))
        told = await goes_through(gateway, client)
    assert (told["tier"], told.get("cnf")) == ("basic", None)  # bound to nothing: it has neither proof nor certificate


@pytest.mark.parametrize(
    ("who", "method"), [(ISSUED, "tls_client_auth"), (OWN, "self_signed_tls_client_auth")], ids=["issued", "own"]
)
async def test_with_a_certificate_its_token_is_good_on_connections_with_it_alone(
    gateway: Registered, who: str, method: str
) -> None:
    asked = {"grant_type": "client_credentials", "resource": gateway.url}
    async with client_of(gateway, who, None, method, shown=who) as client:
        token = await client.fetch_token(f"{gateway.url}/oauth/token", **asked)
        for other in ("", OWN if who == ISSUED else ISSUED):
            async with client_of(gateway, who, None, method, shown=other) as thief:
                thief.token = token
                assert (await thief.get("/v1/shipments")).status_code == 401
                with pytest.raises(OAuthError, match="invalid_client"):
                    await thief.fetch_token(f"{gateway.url}/oauth/token", **asked)
        told = await goes_through(gateway, client)
    assert (told["tier"], told["cnf"]) == ("bound", {"x5t#S256": thumbprint(gateway, who)})


def test_the_lines_of_the_page_for_certificates_get_an_answer(gateway: Registered, tmp_path: Path) -> None:
    for name, file in zip(("bank.pem", "bank.key"), gateway.certificates[OWN], strict=True):
        (tmp_path / name).write_bytes(Path(file).read_bytes())
    asking, calling = with_certificate().replace("repayments?limit=1", "shipments").splitlines()
    around = os.environ | {"GATEWAY": gateway.url, "CLIENT_ID": OWN, "CURL_CA_BUNDLE": gateway.trusted_file}
    token = typed(asking, tmp_path, around)["access_token"]
    assert len(typed(calling, tmp_path, around | {"TOKEN": token})["data"]) == PAGE_RECORDS


def typed(line: str, folder: Path, environment: dict[str, str]) -> Any:
    """What a line of a shell prints."""
    ended = subprocess.run(["bash", "-c", line], cwd=folder, env=environment, capture_output=True, check=True)
    return json.loads(ended.stdout)


def thumbprint(gateway: Registered, who: str) -> str:
    certificate = certificate_from_pem(Path(gateway.certificates[who][0]).read_bytes())
    assert certificate is not None
    return certificate.thumbprint
