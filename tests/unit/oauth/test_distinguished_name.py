"""Names as text are the names in certificates, and nothing else is."""

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.oauth.distinguished_name import name_of, read_name

CN, OU, DC, O = "2.5.4.3", "2.5.4.11", "0.9.2342.19200300.100.1.25", "2.5.4.10"  # noqa: E741


@pytest.mark.parametrize(
    ("text", "name"),
    [
        # RFC 4514 section 4.
        ("UID=jsmith,DC=example,DC=net", [[(DC, "net")], [(DC, "example")], [("0.9.2342.19200300.100.1.1", "jsmith")]]),
        ("OU=Sales+CN=J.  Smith,DC=example", [[(DC, "example")], [(OU, "Sales"), (CN, "J.  Smith")]]),
        (r"CN=James \"Jim\" Smith\, III,DC=net", [[(DC, "net")], [(CN, 'James "Jim" Smith, III')]]),
        (r"CN=Before\0dAfter,DC=net", [[(DC, "net")], [(CN, "Before\rAfter")]]),
        ("1.3.6.1.4.1.1466.0=#0C0248 69".replace(" ", ""), [[("1.3.6.1.4.1.1466.0", "Hi")]]),
        (r"CN=Lu\C4\8Di\C4\87", [[(CN, "Lučić")]]),
        # Beyond it.
        ("cn = a , o=b", [[(O, "b")], [(CN, "a")]]),
        (r"CN=\ a\ ", [[(CN, " a ")]]),
        ("CN=a=b", [[(CN, "a=b")]]),
        ("CN=港湾银行", [[(CN, "港湾银行")]]),
    ],
)
def test_a_name_is_read(text: str, name: list[list[tuple[str, str]]]) -> None:
    assert read_name(text) == tuple(frozenset(part) for part in name)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "CN", "CN=", "=a", "CN=a,", ",CN=a", "CN=a,,O=b", "CN=a;O=b", 'CN="a"', "CN=a+", "CN=a+CN=a", "XX=a",
        "CN=#", "CN=#0c", "CN=#0c0561", "CN=#0c0161x", "CN=#030161", r"CN=\ff", "CN=a\\", r"CN=\x", "CN=a\0", "1..2=a",
        "01.2=a", "CN=<a>", "CN=#0c01ff",
    ],
)  # fmt: skip
def test_what_is_no_name_is_none(text: str) -> None:
    assert read_name(text) is None


VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME]), VALUES), min_size=1))
def test_a_name_written_by_another_library_is_that_name(attributes: list[tuple[x509.ObjectIdentifier, str]]) -> None:
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes if len(value.encode()) <= 64])
    text = name.rfc4514_string()
    assert read_name(text) == (name_of(name) or None)
