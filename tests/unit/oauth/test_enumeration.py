"""Whoever tries client ids learns nothing: neither by what is answered nor by how long it takes.

Time is measured in turn, one known and one unknown client after the other, as the processor time of this thread, and
the medians are compared: what other processes do to the machine changes neither. First the whole request, in which
looking the client up in the store is by far the most; then what is verified, where the store would hide the rest.
"""

import gc
import time
from collections.abc import Awaitable, Callable, Mapping
from statistics import median

import pytest
from authlib.oauth2.base import OAuth2Error

from gateway.oauth.answers import Refusal
from gateway.oauth.core import KnownClient, TokenRequest
from gateway.oauth.incoming import Incoming, read_incoming
from gateway.store.clients import Clients
from tests.unit.oauth.asking import GRANT, asserted, by_secret, incoming
from tests.unit.oauth.stage import ISSUER, Stage, assertion, client_key

RATIO_MAX = 1.4
"""Of medians. Leaving out the looking up, the signature or the chain for clients that are not there makes it 1.8 to 8;
as it is, it stays below 1.2 on a busy machine."""
_UNKNOWN = "nobody-app"


def secret_of(stage: Stage, client_id: str) -> Incoming:
    return incoming(GRANT, [by_secret(stage, client_id, "w" * 43)])


def key_of(stage: Stage, client_id: str) -> Incoming:
    return incoming(GRANT | asserted(assertion(stage, client_id, key=client_key("ES256", 1))))


def unknown_kid_of(stage: Stage, client_id: str) -> Incoming:
    text = assertion(stage, client_id, key=client_key("ES256", 1), header={"kid": "no-such-key"})
    return incoming(GRANT | asserted(text))


def certificate_of(stage: Stage, client_id: str) -> Incoming:
    """One that an authority issued, to somebody else."""
    return incoming(GRANT | {"client_id": client_id}, certificate=stage.certificates["stranger"].shown)


CASES: Mapping[str, tuple[Callable[[Stage, str], Incoming], str]] = {
    "secret": (secret_of, "swift-logistics-app"),
    "secret of a client that has a key": (secret_of, "harbor-bank-app"),
    "key": (key_of, "harbor-bank-app"),
    "key of a client that has a secret": (key_of, "swift-logistics-app"),
    "key by another algorithm": (key_of, "harbor-bank-eddsa"),
    "unknown key id": (unknown_kid_of, "harbor-bank-app"),
    "certificate": (certificate_of, "vault-tls"),
    "self-signed certificate": (certificate_of, "vault-own"),
    "certificate of a client that has a key": (certificate_of, "harbor-bank-app"),
}


async def ratio(pairs: int, known: Callable[[], Awaitable[int]], unknown: Callable[[], Awaitable[int]]) -> float:
    """The median of one beside the median of the other; each gives how long it took, in ns."""
    known_ns, unknown_ns = list[int](), list[int]()
    gc.disable()
    try:
        for number in range(pairs):
            both = [(known_ns, known), (unknown_ns, unknown)]
            for times, work in both if number % 2 else reversed(both):
                times.append(await work())
    finally:
        gc.enable()
    return median(known_ns) / median(unknown_ns)


@pytest.mark.parametrize("case", ["secret", "certificate"])
async def test_a_request_for_an_unknown_client_is_answered_in_the_same_words_and_time(stage: Stage, case: str) -> None:
    made, known = CASES[case]

    async def took_ns(client_id: str) -> int:
        asked = made(stage, client_id)
        began_ns = time.thread_time_ns()
        answer = await stage.server.token(asked)
        ended_ns = time.thread_time_ns()
        assert answer.status == 401
        assert answer.body == b'{"error":"invalid_client","error_description":"Client authentication failed."}'
        return ended_ns - began_ns

    found = await ratio(50, lambda: took_ns(known), lambda: took_ns(_UNKNOWN))
    assert 1 / RATIO_MAX < found < RATIO_MAX


@pytest.mark.parametrize("case", CASES)
async def test_verifying_costs_the_same_for_a_client_that_is_not_there(stage: Stage, case: str) -> None:
    made, known_id = CASES[case]
    client = await Clients(stage.store).find(known_id)
    assert client is not None
    known = KnownClient(client, stage.clock(), client.keys)

    async def took_ns(client_id: str) -> int:
        read = read_incoming(made(stage, client_id), "grant_type")
        assert not isinstance(read, Refusal)
        form, credentials = read
        shown = made(stage, client_id).certificate
        there = known if client_id == known_id else None
        request = TokenRequest(
            uri=ISSUER, form=form, credentials=credentials, known=there, now_s=stage.clock(), certificate=shown
        )
        began_ns = time.thread_time_ns()
        with pytest.raises(OAuth2Error):
            stage.server._core.authenticated(request)
        return time.thread_time_ns() - began_ns

    found = await ratio(150, lambda: took_ns(known_id), lambda: took_ns(_UNKNOWN))
    assert 1 / RATIO_MAX < found < RATIO_MAX
