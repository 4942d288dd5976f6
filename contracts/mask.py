"""The mask is a type: a view compiled into Structs that hold only granted fields, so that decoding is the masking.

Two ways lead to the same answer. The strict way decodes a whole page in one go and is the one that always runs; only
when a value has another type than the product declares does the patient way take the page apart, value by value,
and withhold what drifted. Whatever fits neither is no answer at all.

Numbers keep their exact text. A whole number has only one (but for -0, which comes out as 0), so it is decoded as one;
any other is decoded raw, and raw means anything: an object as well. Whether all of a page's are numbers is asked once
(contracts/mask_numbers.py).
"""

from collections.abc import Iterable
from copy import copy
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct

from adapters.base import Envelope, Path
from contracts.facts import Facts, Record
from contracts.granted import Branch, needs_keys
from contracts.mask_nodes import Drift, Finish, compile_node, decoder_of
from contracts.mask_numbers import are_numbers
from contracts.mask_wide import wide_of
from contracts.pages import page_items, page_next, page_type
from policies.keys import PartnerKeys


class Masked(Struct, frozen=True):
    """What a partner may have of an answer: records in the backend's order, and where values were withheld.

    A record that is no object is None, so that positions match the `facts` read beside them; without any facts to be
    read these are empty.
    """

    records: list[Struct | None]
    facts: list[Record | None]
    next: str | None
    drift: tuple[str, ...]


class NotMaskable(Struct, frozen=True):
    """The body is no JSON of the expected shape: nothing of it may be let through. `reason` holds no value of it."""

    reason: str


class Mask:
    """A compiled view. `page` and `record` turn a backend's bytes into masked records; `encode` into JSON.

    `keyed` True: some technique needs the partner's keys, and before `with_keys` it masks nothing.
    """

    def __init__(self, record: Branch, envelope: Envelope, facts: Iterable[Path] = ()) -> None:
        self._compiled = compile_node(record, "")
        self._wide = wide_of(record, self._compiled.type)
        self._page = decoder_of(page_type(envelope, self._wide.type if self._wide else self._compiled.type))
        self._raw_page = decoder_of(page_type(envelope, Raw))
        self._encoder = msgspec.json.Encoder()
        self._finish = self._finish_with(None)
        self.keyed = needs_keys(record)
        self.facts = Facts(facts, envelope)

    def with_keys(self, keys: PartnerKeys) -> "Mask":
        """The same for one partner; itself where no technique needs keys."""
        if not self.keyed:
            return self
        bound = copy(self)
        bound._finish = self._finish_with(keys)
        return bound

    def _finish_with(self, keys: PartnerKeys | None) -> Finish | None:
        finisher = self._compiled.finisher
        return None if finisher is None else finisher(keys)

    def page(self, body: bytes) -> Masked | NotMaskable:
        """Mask a list answer."""
        drift: Drift = []
        try:
            body.decode()  # what is skipped or raw would otherwise go unchecked
            try:
                page = self._page.decode(body)
                facts = self.facts.strict_page(body)
                records = self._strict(page_items(page))
            except msgspec.ValidationError:
                page = self._raw_page.decode(body)
                facts = self.facts.page(body)
                patient = (self._compiled.patient(raw, drift) for raw in page_items(page))
                records = [None if record is UNSET else record for record in patient]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return NotMaskable(_reason(error))
        return Masked(self._finished(records, drift), facts, page_next(page), tuple(drift))

    def record(self, body: bytes) -> Masked | NotMaskable:
        """Mask a single record."""
        drift: Drift = []
        try:
            body.decode()
            record = self._compiled.patient(body, drift)
            facts = self.facts.record(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return NotMaskable(_reason(error))
        if record is UNSET:
            return NotMaskable("the record is no object")
        return Masked(self._finished([record], drift), facts, None, tuple(drift))

    def encode(self, records: Any) -> bytes:
        """Masked records, one or a list, as JSON. Absent stays absent, null stays null, numbers keep their text."""
        return self._encoder.encode(records)

    def _strict(self, found: list[Any]) -> list[Struct | None]:
        """Records as the strict way has them. Raises msgspec.ValidationError when a number is none."""
        records: list[Struct | None] = found if self._wide is None else self._wide.narrowed(found)
        collect = self._compiled.numbers
        if collect is not None and not are_numbers(collect(records)):
            raise msgspec.ValidationError("a number is none")
        return records

    def _finished(self, records: list[Struct | None], drift: Drift) -> list[Struct | None]:
        """Records with the values of masked fields replaced, in place."""
        finish = self._finish
        if finish is not None:
            for record in records:
                if record is not None:
                    finish(record, drift)
        return records


def _reason(error: Exception) -> str:
    """Why a body is no good, without a byte of it: library messages may quote what they read."""
    if isinstance(error, UnicodeDecodeError):
        return "the body is not UTF-8"
    if isinstance(error, RecursionError):
        return "the body is nested too deeply"
    if isinstance(error, msgspec.ValidationError):
        return "the body has not the declared shape"
    return "the body is not valid JSON"
