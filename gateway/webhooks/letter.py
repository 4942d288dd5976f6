"""An e-mail before it is sent: what may stand in it, so that nothing in it becomes another header or recipient."""

import re
from typing import Final
from unicodedata import category

from msgspec import Struct

SUBJECT_CHARACTERS_MAX: Final = 200
TEXT_CHARACTERS_MAX: Final = 20_000
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
"""What HTML takes for an e-mail address: the part of RFC 5322 that is in use, without quoting and comments."""


class Letter(Struct, frozen=True):
    """An e-mail to send."""

    recipient: str
    subject: str
    text: str


def address_fault(address: str) -> str | None:
    """Why this is no address that e-mail goes to or comes from; None where it is one."""
    return None if _ADDRESS.fullmatch(address) else "this is no e-mail address such as name@example.com"


def fault_of(letter: Letter) -> str | None:
    """What is wrong with a letter; None for nothing. A line break would begin another header, so there is none."""
    if fault := address_fault(letter.recipient):
        return fault
    if not letter.subject.strip() or len(letter.subject) > SUBJECT_CHARACTERS_MAX:
        return f"a subject has 1 to {SUBJECT_CHARACTERS_MAX} characters"
    if any(category(each)[0] == "C" or category(each) in {"Zl", "Zp"} for each in letter.subject):
        return "a subject is one line without control characters"
    if len(letter.text) > TEXT_CHARACTERS_MAX:
        return f"a text has at most {TEXT_CHARACTERS_MAX} characters"
    if any((category(each) == "Cc" and each not in "\n\t") or category(each) == "Cs" for each in letter.text):
        return "a text holds no control characters but line breaks and tabs"
    return None
