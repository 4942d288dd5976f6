"""What the token endpoint makes of a certificate that its authority withdrew, and whom it tells why."""

import datetime

import pytest

from gateway.credentials.reasons import words_of_reason
from gateway.oauth.answers import OWN_REASONS
from gateway.store.hidden import Hidden
from gateway.throttle import Throttle, ThrottleRules
from tests.unit.oauth.asking import GRANT, incoming
from tests.unit.oauth.issued import DAY
from tests.unit.oauth.revoking import listed, read
from tests.unit.oauth.stage import NOW_S, Stage, certificates, open_stage

AN_HOUR_AGO = datetime.datetime.fromtimestamp(NOW_S - 3600, datetime.UTC)
ISSUER_OF_CERTIFICATES, ISSUED = certificates()
LISTS = {
    "certificate-revoked": read(listed(ISSUER_OF_CERTIFICATES, ISSUED["vault-tls"], begins=AN_HOUR_AGO)),
    "crl-stale": read(listed(ISSUER_OF_CERTIFICATES, begins=AN_HOUR_AGO - DAY)),
    "crl-missing": (),
}


@pytest.mark.parametrize("expected", LISTS)
async def test_why_an_authority_no_longer_stands_by_a_certificate_is_told_to_its_partner_and_no_caller(
    stage: Stage, expected: str
) -> None:
    named, shown = GRANT | {"client_id": "vault-tls"}, ISSUED["vault-tls"].shown
    authorities = stage.server._core._authorities
    authorities.adopt(read(listed(ISSUER_OF_CERTIFICATES, begins=AN_HOUR_AGO)))
    assert (await stage.server.token(incoming(named, certificate=shown))).status == 200
    authorities.adopt(LISTS[expected])
    refused = await stage.server.token(incoming(named, certificate=shown))
    (noted,) = stage.refusals
    assert (noted.client_id, noted.status, noted.code, noted.reason) == ("vault-tls", 401, "invalid_client", expected)
    assert expected in OWN_REASONS
    assert words_of_reason(expected) is not None
    unknown = await stage.server.token(incoming(named | {"client_id": "canary"}, certificate=shown))
    assert (refused.status, refused.body, refused.headers) == (unknown.status, unknown.body, unknown.headers)
    own = incoming(GRANT | {"client_id": "vault-own"}, certificate=ISSUED["vault-own"].shown)
    assert (await stage.server.token(own)).status == 200


@pytest.mark.parametrize(
    ("expected", "waits"), [("certificate-revoked", 429), ("crl-stale", 401), ("crl-missing", 401)]
)
async def test_a_list_that_nobody_renewed_is_nobodys_guessing_either(
    tmp_path_factory: pytest.TempPathFactory, expected: str, waits: int
) -> None:
    throttle = Throttle(Hidden(b"k" * 32), ThrottleRules(failures="2/hour"))
    stage = await open_stage(tmp_path_factory.mktemp("stage"), throttle=throttle)
    stage.server._core._authorities.adopt(LISTS[expected])
    asked = incoming(GRANT | {"client_id": "vault-tls"}, certificate=ISSUED["vault-tls"].shown)
    assert [(await stage.server.token(asked)).status for _ in range(3)] == [401, 401, waits]
    await stage.store.close()
