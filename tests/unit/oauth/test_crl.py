"""Which lists of revoked certificates are read, and in which words the others are refused."""

import datetime
import sys
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.oauth.crl import CRLS_MAX, read_crls
from tests.unit.oauth.issued import DAY, issue, named
from tests.unit.oauth.revoking import NUMBER, der, entry, listed, part, pem, read

ROOT = issue("Client CA", authority=True)
OTHER = issue("Client CA", authority=True)  # of the same name
BANK = issue("bank", ROOT)
LIST = listed(ROOT, BANK)
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
URL = x509.UniformResourceIdentifier("http://ca.example/1.crl")
HALF = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "1")])
DELTA = x509.DeltaCRLIndicator(1)


def test_a_list_is_read_from_der_and_from_pem_with_several_and_whatever_stands_between() -> None:
    (one,) = read_crls(der(LIST))
    assert one.issuer == ROOT.certificate.subject
    assert one.serials == {BANK.certificate.serial_number}
    assert (one.number, one.next_update_s - one.this_update_s) == (1, DAY.total_seconds())
    assert replace(one, scheme=None) == replace(read_crls(pem(LIST))[0], scheme=None)
    several = b"# of two\r\n" + ROOT.pem.encode() + pem(LIST, listed(OTHER)).replace(b"\n", b"\r\n") + b"the end"
    assert [len(each.serials) for each in read_crls(several)] == [1, 0]


def test_a_list_of_a_key_of_a_kind_that_chains_may_have_is_known_by_its_signature() -> None:
    for key in (ec.generate_private_key(SECP384R1()), rsa.generate_private_key(65537, 2048)):
        own = authority_with(key)
        for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
            (crl,) = read(listed(ROOT, key=key, digest=digest))
            assert crl.is_signed_by(own)
            assert not crl.is_signed_by(ROOT.certificate)
            assert not replace(crl, digest=bytes(len(crl.digest))).is_signed_by(own)
    assert isinstance(key, rsa.RSAPrivateKey)
    (by_pss,) = read(listed_by_pss(key))
    assert by_pss.is_signed_by(own)
    assert not replace(by_pss, scheme=padding.PKCS1v15()).is_signed_by(own)


def authority_with(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *usage: x509.KeyUsage) -> x509.Certificate:
    """A certificate of the root's name, for this key and this use of it."""
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder(issuer_name=ROOT.certificate.subject, subject_name=ROOT.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
    )
    for each in usage:
        builder = builder.add_extension(each, critical=True)
    return builder.sign(ROOT.key, hashes.SHA256())


def listed_by_pss(key: rsa.RSAPrivateKey) -> x509.CertificateRevocationList:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(ROOT.certificate.subject)
    builder = builder.last_update(now - DAY).next_update(now + DAY)
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    return builder.sign(key, hashes.SHA256(), rsa_padding=scheme)


def test_only_the_authority_of_the_name_and_key_has_signed_it() -> None:
    (crl,) = read(LIST)
    assert crl.is_signed_by(ROOT.certificate)
    assert not crl.is_signed_by(OTHER.certificate)
    (renamed,) = read(listed(ROOT, name=named((NameOID.COMMON_NAME, "Another CA"))))
    assert not renamed.is_signed_by(ROOT.certificate)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_key_that_is_not_for_lists_signs_none(allowed: bool) -> None:
    usage = x509.KeyUsage(False, False, False, False, False, True, allowed, False, False)
    (crl,) = read(LIST)
    assert crl.is_signed_by(authority_with(ROOT.key, usage)) is allowed
    assert crl.is_signed_by(authority_with(ROOT.key))


@pytest.mark.parametrize(
    ("extension", "says"),
    [
        (DELTA, "is a delta CRL"),
        (part(full_name=[URL], indirect_crl=True), "is indirect"),
        (part(full_name=[URL], only_contains_attribute_certs=True), "is about attribute certificates alone"),
        (part(relative_name=HALF), "says where it is by half a name"),
        (part(full_name=[URL], only_some_reasons=frozenset({x509.ReasonFlags.key_compromise})), "about some reasons"),
        (UNKNOWN, r"has a critical extension that is not known \(1.3.6.1.4.1.99999.1\)"),
        (x509.FreshestCRL([x509.DistributionPoint([URL], None, None, None)]), r"critical extension .*2\.5\.29\.46"),
    ],
    ids=["delta", "indirect", "of attributes", "half a name", "by reason", "unknown", "with deltas"],
)
def test_a_list_that_is_not_all_of_what_an_authority_revoked_is_refused_with_the_reason(
    extension: x509.ExtensionType, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        read(listed(ROOT, extensions=[(NUMBER, False), (extension, True)]))


def test_deltas_and_parts_are_refused_even_where_they_are_not_said_to_be_critical_and_hints_are_not() -> None:
    for extension in (DELTA, part(full_name=[URL], indirect_crl=True)):
        with pytest.raises(ValueError, match="give the complete one"):
            read(listed(ROOT, extensions=[(extension, False)]))
    hints = (UNKNOWN, False), (x509.FreshestCRL([x509.DistributionPoint([URL], None, None, None)]), False)
    (crl,) = read(listed(ROOT, extensions=hints))
    assert (crl.number, crl.serials) == (-1, frozenset())


def test_what_an_entry_demands_to_be_understood_is_or_the_list_is_refused() -> None:
    reason = x509.CRLReason(x509.ReasonFlags.remove_from_crl)
    assert read(listed(ROOT, entry(7, (reason, True))))[0].serials == {7}
    for demanded in (UNKNOWN, x509.CertificateIssuer([x509.DirectoryName(OTHER.certificate.subject)])):
        with pytest.raises(ValueError, match="critical extension"):
            read(listed(ROOT, 6, entry(7, (demanded, True))))
        assert read(listed(ROOT, entry(7, (demanded, False))))[0].serials == {7}


def test_a_list_without_an_end_or_by_a_weak_digest_is_refused() -> None:
    with pytest.raises(ValueError, match="nextUpdate"):
        read_crls(without_end(LIST))
    with pytest.raises(ValueError, match="SHA-256"):
        read(listed(ROOT, digest=hashes.SHA224()))


def without_end(crl: x509.CertificateRevocationList) -> bytes:
    """The DER of a list with its second time taken out. No tool makes such any more, and RFC 5280 forbids it."""
    whole, signed = der(crl), crl.tbs_certlist_bytes
    first = signed.index(b"\x17\x0d")
    assert signed[first + 15 : first + 17] == b"\x17\x0d"
    content = signed[signed.index(b"\x02\x01\x01") : first + 15] + signed[first + 30 :]
    rest = whole[whole.index(signed) + len(signed) :]
    return sequence(sequence(content) + rest)


def sequence(content: bytes) -> bytes:
    size = len(content)
    return b"\x30" + (size.to_bytes(1) if size < 128 else b"\x81" + size.to_bytes(1)) + content


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"canary",
        ROOT.pem.encode(),
        der(LIST)[:-1],
        der(LIST) + b"\x00",
        pem(LIST)[:-30],
        pem(LIST).replace(b"\nM", b"\n!", 1),
    ],
    ids=["nothing", "text", "a certificate", "cut short", "too long", "PEM cut short", "no base64"],
)
def test_what_is_no_list_is_refused_in_words_that_quote_nothing(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"holds no list|is no X\.509 CRL") as caught:
        read_crls(data)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("before", [b"", pem(LIST)], ids=["alone", "after a list"])
def test_beginnings_without_an_end_are_refused_at_once_however_many_there_are(before: bytes) -> None:
    begun_s = time.process_time()
    with pytest.raises(ValueError, match=r"is no X\.509 CRL"):
        read_crls(before + b"-----BEGIN X509 CRL-----\n" * 4000)
    assert time.process_time() - begun_s < 0.5


def test_a_file_of_more_lists_than_are_worth_a_look_is_refused() -> None:
    assert len(read_crls(pem(LIST) * CRLS_MAX)) == CRLS_MAX
    with pytest.raises(ValueError, match="holds more than 256 lists"):
        read_crls(pem(LIST) * (CRLS_MAX + 1))


def test_serial_numbers_that_are_made_to_have_one_hash_are_refused_and_those_that_come_twice_are_not() -> None:
    alike = [1 + sys.hash_info.modulus * factor for factor in range(40)]
    assert len({hash(serial) for serial in alike}) == 1
    with pytest.raises(ValueError, match="serial numbers that no authority gives"):
        read(listed(ROOT, *alike))
    assert read(listed(ROOT, *[7] * 40, 8))[0].serials == {7, 8}


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, len(der(LIST)) - 1), byte=st.integers(0, 255))
def test_a_list_with_a_byte_changed_is_refused_or_signed_by_nobody(place: int, byte: int) -> None:
    data = bytearray(der(LIST))
    data[place] = byte
    try:
        found = read_crls(bytes(data))
    except ValueError:
        return
    changed = bytes(data) != der(LIST)
    assert not changed or not any(crl.is_signed_by(ROOT.certificate) for crl in found)


@settings(max_examples=20, deadline=None)
@given(revoked=st.sets(st.integers(1, 2**159 - 1), max_size=40))
def test_of_any_serials_those_are_read_that_were_written(revoked: set[int]) -> None:
    assert read(listed(ROOT, *revoked))[0].serials == revoked
