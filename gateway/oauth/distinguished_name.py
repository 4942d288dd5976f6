"""Distinguished names as text (RFC 4514), read into what can be compared with the name in a certificate."""

import re
from typing import Final, TypeAlias

from cryptography.x509 import Name

DistinguishedName: TypeAlias = tuple[frozenset[tuple[str, str]], ...]
"""In the order of the certificate, most general part first; each part holds pairs of an attribute's OID and its value.
How a value is encoded there (UTF8String, PrintableString) makes no difference."""

# RFC 4514 section 3, RFC 4519, and what certificates of banks hold besides (ETSI EN 319 412-1).
_ATTRIBUTES: Final = {
    "c": "2.5.4.6",
    "cn": "2.5.4.3",
    "dc": "0.9.2342.19200300.100.1.25",
    "e": "1.2.840.113549.1.9.1",
    "emailaddress": "1.2.840.113549.1.9.1",
    "givenname": "2.5.4.42",
    "l": "2.5.4.7",
    "o": "2.5.4.10",
    "organizationidentifier": "2.5.4.97",
    "ou": "2.5.4.11",
    "serialnumber": "2.5.4.5",
    "sn": "2.5.4.4",
    "st": "2.5.4.8",
    "street": "2.5.4.9",
    "title": "2.5.4.12",
    "uid": "0.9.2342.19200300.100.1.1",
}
_NAMED: Final = re.compile(r" *(?:([A-Za-z][A-Za-z0-9-]*)|((?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+)) *= *")
_HEX: Final = re.compile(r"#((?:[0-9A-Fa-f]{2})+) *")
_CHARACTER: Final = re.compile(r"\\([ \"#+,;<=>\\])|((?:\\[0-9A-Fa-f]{2})+)|([^\0\"+,;<>\\])")
_ENCODINGS: Final = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii"}
"""UTF8String, PrintableString, IA5String."""


def read_name(text: str) -> DistinguishedName | None:
    """The name that a text writes, its last part first as RFC 4514 has it; None for what is no name, or an empty one.

    Names of attributes are read in any case, with spaces around `,`, `+` and `=`; values are taken as they are.
    """
    parts: list[frozenset[tuple[str, str]]] = []
    pairs: list[tuple[str, str]] = []
    at = 0
    while True:
        read = _attribute(text, at)
        if read is None:
            return None
        pair, at = read
        pairs.append(pair)
        mark = text[at : at + 1]
        if mark != "+":
            parts.append(frozenset(pairs))
            if len(parts[-1]) != len(pairs):
                return None
            pairs = []
        if not mark:
            return tuple(reversed(parts))
        at += 1


def name_of(name: Name) -> DistinguishedName:
    """The name in a certificate."""
    return tuple(frozenset((each.oid.dotted_string, _text(each.value)) for each in part) for part in name.rdns)


def _attribute(text: str, at: int) -> tuple[tuple[str, str], int] | None:
    """An attribute with its value, and where what follows begins: at `,`, `+` or the end."""
    named = _NAMED.match(text, at)
    if named is None:
        return None
    oid = named[2] or _ATTRIBUTES.get(named[1].lower())
    read = _encoded(text, named.end()) if text.startswith("#", named.end()) else _plain(text, named.end())
    if oid is None or read is None or text[read[1] : read[1] + 1] not in {"", ",", "+"}:
        return None
    return (oid, read[0]), read[1]


def _plain(text: str, at: int) -> tuple[str, int] | None:
    """A value with its escapes undone. Spaces at its end belong to it where they are escaped."""
    value, length = b"", 0
    while (found := _CHARACTER.match(text, at)) is not None:
        escaped, hexadecimal, plain = found.groups()
        value += bytes.fromhex(hexadecimal.replace("\\", "")) if hexadecimal else (escaped or plain).encode()
        length = length if plain == " " else len(value)
        at = found.end()
    try:
        return (value[:length].decode(), at) if length else None
    except UnicodeDecodeError:
        return None


def _encoded(text: str, at: int) -> tuple[str, int] | None:
    """`#` and the BER encoding of a string, in hexadecimal (RFC 4514 section 2.4)."""
    found = _HEX.match(text, at)
    value = bytes.fromhex(found[1]) if found else b""
    if found is None or len(value) < 3 or value[0] not in _ENCODINGS or value[1] != len(value) - 2 or value[1] > 127:
        return None
    try:
        return value[2:].decode(_ENCODINGS[value[0]]), found.end()
    except UnicodeDecodeError:
        return None


def _text(value: str | bytes) -> str:
    """Bytes (a bit string) are nothing that a text can name: no text holds a NUL."""
    return value if isinstance(value, str) else f"\0{value.hex()}"
