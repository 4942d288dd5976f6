"""Which signature is to us, what it covers, when it was made and whose it is: pure, against another implementation."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.signatures.base import Asked, origin_of
from gateway.signatures.fields import byte_members, described
from gateway.signatures.judging import Claimed, SignatureFault, claimed, unsigned_by
from policies.clause import Signing
from policies.kinds.signed_requests import ALGORITHMS, PARTS
from policies.reference import ClauseRef
from tests.unit.signatures.partner import BASE_URL, COVERED, Partner

NOW_S = 1_782_000_000
BODY = b'{"disbursed_on": "2026-06-20"}'
TARGET = "/v1/repayments/FO-000017?x=1"
HEADERS = {
    "authorization": "DPoP token",
    "content-type": "application/merge-patch+json",
    "idempotency-key": "k-1",
}
CLAUSE = ClauseRef("harbor-2026", "1.3.0", "2.3", "signed_requests", {"zh": "", "en": ""})
SIGNING = Signing(CLAUSE, PARTS, frozenset(ALGORITHMS), 60)
ES256 = Partner("ES256", now_s=NOW_S)


def asked(headers: dict[str, str], method: str = "PATCH", target: str = TARGET, base_url: str = BASE_URL) -> Asked:
    path, _, query = target.partition("?")
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Asked(origin_of(base_url), method, path.encode(), query.encode(), fields)


def signed(partner: Partner = ES256, **options: Any) -> dict[str, str]:
    return partner.sign("PATCH", TARGET, HEADERS, BODY, **options)


def judged(headers: dict[str, str], *clauses: Signing, now_s: float = NOW_S, **where: Any) -> str:
    """The reason of the fault, "" for none."""
    bound = clauses or (SIGNING,)
    found = claimed(asked(headers, **where), bound, now_s, has_body=True)
    if isinstance(found, SignatureFault):
        return found.reason
    fault = unsigned_by(found, (ES256.key,), bound)
    return "" if fault is None else fault.reason


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256"])
@pytest.mark.parametrize("include_alg", [False, True])
def test_what_another_implementation_signs_with_any_kind_of_key_counts(algorithm: str, include_alg: bool) -> None:
    partner = Partner(algorithm, now_s=NOW_S)
    headers = signed(partner, include_alg=include_alg, nonce="n-1")
    found = claimed(asked(headers), (SIGNING,), NOW_S, has_body=True)
    assert isinstance(found, Claimed)
    assert unsigned_by(found, (partner.key,), (SIGNING,)) is None
    assert found.key_id == "bank-1"


@pytest.mark.parametrize("left_out", ["@method", "@target-uri", "authorization", "content-digest", "idempotency-key"])
def test_a_component_that_the_clause_names_and_the_request_has_is_covered_or_it_does_not_count(left_out: str) -> None:
    headers = signed(covered=tuple(name for name in COVERED if name != left_out))
    headers.setdefault("content-digest", "sha-256=:AAAA:")
    fault = claimed(asked(headers), (SIGNING,), NOW_S, has_body=True)
    assert fault == SignatureFault("not-covered", CLAUSE, left_out)


def test_a_header_that_somebody_adds_on_the_way_is_one_that_is_not_covered() -> None:
    assert judged({**signed(), "if-match": '"etag"'}) == "not-covered"


@pytest.mark.parametrize("name", ["authorization", "idempotency-key", "content-digest"])
def test_what_was_signed_can_neither_be_changed_nor_taken_away(name: str) -> None:
    headers = signed()
    assert judged(headers | {name: headers[name] + "x"}) == "not-by-key"
    taken = {each: value for each, value in headers.items() if each != name}
    assert judged(taken) in ("unknown-component", "no-digest")


@pytest.mark.parametrize(
    "where",
    [
        {"method": "DELETE"},
        {"target": "/v1/repayments/FO-000018?x=1"},
        {"target": "/v1/repayments/FO-000017?x=2"},
        {"target": "/v1/repayments/FO-000017"},
        {"base_url": "https://other.example"},
        {"base_url": "http://api.hub.example"},
    ],
)
def test_a_signature_is_good_for_one_method_and_one_url_alone(where: dict[str, Any]) -> None:
    assert judged(signed(), **where) == "not-by-key"


def test_the_url_is_that_of_the_gateway_whatever_host_the_request_names() -> None:
    assert judged({**signed(), "host": "evil.example"}) == ""
    assert judged(signed(), base_url="https://API.hub.example:443") == ""


@pytest.mark.parametrize(
    ("made_s", "reason"),
    [(-60, "too-old"), (-59, ""), (0, ""), (10, ""), (11, "too-early"), (60, "too-early")],
)
def test_a_signature_is_good_for_its_time_and_ten_seconds_of_skew(made_s: int, reason: str) -> None:
    headers = signed(Partner("ES256", now_s=NOW_S + made_s))
    found = claimed(asked(headers), (SIGNING,), NOW_S, has_body=True)
    assert (found.reason if isinstance(found, SignatureFault) else "") == reason


def test_a_signature_that_ends_before_has_ended() -> None:

    ends = datetime.fromtimestamp(NOW_S + 5, UTC)
    assert judged(signed(expires=ends), now_s=NOW_S + 4) == ""
    assert judged(signed(expires=ends), now_s=NOW_S + 5) == "too-old"


def test_of_two_clauses_both_have_to_hold_and_the_one_that_does_not_is_named() -> None:
    other = ClauseRef("harbor-2026", "1.3.0", "2.4", "signed_requests", {"zh": "", "en": ""})
    stricter = Signing(other, (*PARTS, "content-type"), frozenset(ALGORITHMS), 60)
    assert claimed(asked(signed()), (SIGNING, stricter), NOW_S, has_body=True) == SignatureFault(
        "not-covered", other, "content-type"
    )
    found = claimed(asked(signed()), (SIGNING, Signing(other, PARTS, frozenset({"ed25519"}), 30)), NOW_S, has_body=True)
    assert isinstance(found, Claimed)
    assert found.until_s == NOW_S + 30 + 10
    narrow = Signing(other, PARTS, frozenset({"ed25519"}), 30)
    assert unsigned_by(found, (ES256.key,), (SIGNING, narrow)) == SignatureFault("algorithm", other)


def test_the_key_is_the_one_that_is_named_of_this_client_and_of_the_algorithm_that_is_named() -> None:
    found = claimed(asked(signed()), (SIGNING,), NOW_S, has_body=True)
    assert isinstance(found, Claimed)

    def reason(*keys: Any) -> str:
        fault = unsigned_by(found, keys, (SIGNING,))
        return "" if fault is None else fault.reason

    assert reason() == "no-keys"
    assert reason(Partner("ES256", "bank-2").key) == "unknown-key"
    assert reason(ES256.key, ES256.key) == "unknown-key"
    assert reason(Partner("ES256").key) == "not-by-key"
    assert reason(Partner("EdDSA").key) == "not-by-key"
    assert reason(Partner("ES256", "bank-2").key, ES256.key) == ""


def test_an_algorithm_that_is_not_the_keys_is_refused_before_anything_is_verified() -> None:
    headers = signed(include_alg=True)
    for wrong in ("ed25519", "hmac-sha256", "rsa-v1_5-sha256", "ES256", "none"):
        changed = headers["signature-input"].replace("ecdsa-p256-sha256", wrong)
        assert judged(headers | {"signature-input": changed}) == "algorithm"


def test_of_several_signatures_the_one_for_this_application_is_judged() -> None:
    mine, proxys = signed(), signed(Partner("EdDSA", "proxy", NOW_S), label="proxy", tag="other")
    untagged, again = signed(tag=None), signed(label="sig2")
    assert judged(beside(mine, proxys)) == ""
    assert judged(untagged) == ""
    assert judged(proxys) == "not-for-us"
    assert judged(beside(untagged, proxys)) == "several"
    assert judged(beside(mine, again)) == "several"


def beside(headers: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """The request with the other's signature as well."""
    return headers | {name: f"{other[name]}, {headers[name]}" for name in ("signature", "signature-input")}


def test_one_without_its_other_half_is_malformed_and_none_at_all_is_not_signed() -> None:
    headers = signed()
    assert judged(dict(HEADERS)) == "not-signed"
    for name in ("signature", "signature-input"):
        assert judged({each: value for each, value in headers.items() if each != name}) == "not-signed"
        assert judged(headers | {name: headers[name].replace("sig1", "sig2")}) == "malformed"
        assert judged(headers | {name: f"{headers[name]}, {headers[name]}"}) == "malformed"


INPUTS = (
    '"x"',
    'sig1="x"',
    "sig1=()",
    'sig1=("@method");created=1;keyid="k";x=1',
    'sig1=("@method");created=1;created=2;keyid="k"',
    'sig1=("@method" "@method");created=1;keyid="k"',
    'sig1=("@method";req);created=1;keyid="k"',
    'sig1=("content-digest";sf);created=1;keyid="k"',
    'sig1=("content-digest";bs);created=1;keyid="k"',
    'sig1=("content-digest";key="sha-256");created=1;keyid="k"',
    'sig1=("content-digest";tr);created=1;keyid="k"',
    'sig1=("@query-param";name="x");created=1;keyid="k"',
    'sig1=("@signature-params");created=1;keyid="k"',
    'sig1=("@status");created=1;keyid="k"',
    'sig1=("Content-Digest");created=1;keyid="k"',
    'sig1=("a b");created=1;keyid="k"',
    'sig1=(method);created=1;keyid="k"',
    'sig1=("@method");created=1.5;keyid="k"',
    'sig1=("@method");created="1";keyid="k"',
    'sig1=("@method");created;keyid="k"',
    'sig1=("@method");created=-1;keyid="k"',
    'sig1=("@method");created=1;keyid=k',
    'sig1=("@method");created=1;keyid=""',
    'sig1=("@method");created=1',
    'sig1=("@method");keyid="k"',
    f'sig1=("@method");created=1;keyid="{"k" * 257}"',
    f'sig1=({" ".join(chr(34) + f"h{n}" + chr(34) for n in range(33))});created=1;keyid="k"',
)


@pytest.mark.parametrize("text", INPUTS)
def test_an_input_that_leaves_room_for_another_reading_is_not_taken(text: str) -> None:
    assert judged(signed() | {"signature-input": text}) in ("malformed", "incomplete", "unknown-component")


def test_a_field_that_would_take_long_to_read_is_not_read() -> None:
    long = ", ".join(f'l{number}=("{"h" * 60}{number}")' for number in range(8))
    assert described(long.encode()) is not None
    assert described((long + " " * 4096).encode()) is None
    assert described(", ".join(f"l{number}=()" for number in range(9)).encode()) is None


def test_two_signatures_over_one_text_are_used_up_as_one() -> None:
    """Of an ECDSA signature anybody makes a second one that verifies as well."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    first = claimed(asked(signed()), (SIGNING,), NOW_S, has_body=True)
    assert isinstance(first, Claimed)
    s = order - int.from_bytes(first.signature[32:])
    other = Claimed(first.key_id, first.algorithm, first.signature[:32] + s.to_bytes(32), first.base, first.until_s)
    assert unsigned_by(other, (ES256.key,), (SIGNING,)) is None
    assert other.once == first.once
    again = claimed(asked(signed(nonce="n-2")), (SIGNING,), NOW_S, has_body=True)
    assert isinstance(again, Claimed)
    assert again.once != first.once


def test_a_line_feed_or_anything_that_is_no_ascii_is_no_component() -> None:
    sent = {**HEADERS, "x-note": "a"}
    headers = ES256.sign("PATCH", TARGET, sent, BODY, covered=(*COVERED, "x-note"))
    assert judged(headers) == ""
    for value in ("a\n", "a\x00", "\x7f", "é"):
        assert judged(headers | {"x-note": value}) == "unknown-component"


@given(st.binary(max_size=200), st.binary(max_size=100))
@settings(max_examples=50, deadline=None)
def test_no_bytes_at_all_make_it_fail_otherwise_than_by_a_fault(sent_input: bytes, sent: bytes) -> None:
    fields = [(b"signature-input", b"sig1=" + sent_input), (b"signature", b"sig1=" + sent)]
    one = Asked(origin_of(BASE_URL), "PATCH", b"/v1/x", b"", fields)
    assert isinstance(claimed(one, (SIGNING,), NOW_S, has_body=False), SignatureFault)
    described(sent_input)
    byte_members(sent)
