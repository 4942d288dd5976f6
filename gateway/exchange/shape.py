"""shape: what may they see? A backend's bytes become masked bytes, records outside the partner's rows are dropped."""

import hashlib
from collections.abc import Set as AbstractSet
from itertools import compress
from typing import Any

import msgspec
from msgspec import Struct

from adapters.base import Answer
from contracts.facts import Record
from contracts.mask import NotMaskable
from contracts.plan import Plan
from contracts.selecting import keeps
from gateway.audit.sidecar import Subject
from gateway.exchange.asked import Asked
from gateway.exchange.cursor import AFTER_BYTES_MAX, Cursors
from gateway.exchange.outcome import Disclosed, Outcome, problem

_ONCE = ((b"vary", b"Accept, Accept-Encoding"), (b"accept-ranges", b"none"))
"""What every answer with data says to caches: it depends on these headers, and parts of it cannot be had."""


_NOBODY: AbstractSet[Subject] = frozenset()


class Shown(Struct, frozen=True, gc=False):
    """What a partner may have of an answer: masked records, and the backend's token for what follows them.

    `subjects` counts the people whom they are about, those who cannot be told apart included; `people` are the others.
    `kept` says, where the gateway filtered, which of the backend's records these are; None: all of them.
    `facts` are what is known of each record beside what is shown, in their order.
    """

    records: list[Any]
    subjects: int
    people: AbstractSet[Subject]
    next: str | None
    drift: tuple[str, ...]
    kept: list[bool] | None
    facts: list[Record | None]


def shape(plan: Plan, cursors: Cursors, asked: Asked, answer: Answer) -> tuple[Shown, Outcome] | Outcome:
    """Mask and filter one page or record, as JSON; with what was shown, so that it can be measured."""
    shown = select(plan, asked, answer)
    if isinstance(shown, Outcome):
        return shown
    records, key = shown.records, asked.query.key
    if key is not None:
        if not records:
            return problem("record-not-found")
        place, data = key.encode(), plan.mask.encode(records[0])
    else:
        place = b"%b\n%b" % (asked.place, (asked.query.after or "").encode())
        following = cursors.seal(shown.next, asked.place) if shown.next is not None else None
        data = b'{"data":%b,"next":%b}' % (plan.mask.encode(records), msgspec.json.encode(following))
    digest = hashlib.sha256(data).digest()
    return shown, Outcome(
        200,
        body=data,
        headers=((b"etag", etag(plan, place, digest)), *_ONCE),
        records=len(records),
        subjects=shown.subjects,
        drift=shown.drift,
        disclosed=Disclosed(digest, shown.people),
    )


def select(plan: Plan, asked: Asked, answer: Answer) -> Shown | Outcome:
    """Masked records. A record of which there is any doubt is left out; more records than were asked for is no answer,
    since what is cut off would be lost to the caller's paging."""
    query = asked.query
    masked = plan.mask.page(answer.body) if query.key is None else plan.mask.record(answer.body)
    if isinstance(masked, NotMaskable):
        return problem("backend-invalid")
    records, facts = masked.records, masked.facts
    if len(records) > query.limit or (masked.next is not None and len(masked.next.encode()) > AFTER_BYTES_MAX):
        return problem("backend-invalid")
    kept: list[bool] | None = None
    if plan.keeps is not None:
        if len(facts) != len(records):
            return problem("backend-invalid")
        kept = list(map(plan.keeps, facts))
    if query.where is not None and (plan.keeps is not None or not plan.filters):
        fits = keeps(query.where, plan.view.record)
        wanted = [record is not None and fits(record) for record in records]
        kept = wanted if kept is None else [mine and fit for mine, fit in zip(kept, wanted, strict=True)]
    if kept is not None and not all(kept):
        records, facts = list(compress(records, kept)), list(compress(facts, kept))
    if masked.drift and None in records:
        records = [record for record in records if record is not None]
    subjects, people = _subjects(plan, facts, len(records))
    if asked.narrow is not None:
        for record in records:
            asked.narrow(record)
    return Shown(records, subjects, people, masked.next, masked.drift, kept, facts)


def etag(plan: Plan, place: bytes, digest: bytes) -> bytes:
    """A strong validator (RFC 9110 section 8.8.3) of what one partner sees, after masking: of the data's SHA-256, which
    their commitment needs as well, so that a page is hashed once.

    `place` is the record's key, or which page it is of which list. With it in the tag, a 304 says that this very answer
    is still as it was, and not that it equals another one: what is equal would be learnt without being counted.
    """
    return b'"%b"' % hashlib.sha256(b"%b%b%b" % (plan.seed, place, digest)).hexdigest()[:32].encode()


def subjects_of(plan: Plan, shown: Shown) -> list[Subject | None]:
    """Whom each record shown is about; None: nobody who can be named, and so a person of its own."""
    reader, paths = plan.mask.facts, plan.offer.readable_subjects
    if not plan.offer.subjects:
        return []
    if not paths:
        return [None] * len(shown.records)
    people: list[Subject | None] = []
    for record in shown.facts:
        values = None if record is None else tuple(reader.value(record, path) for path in paths)
        people.append(None if values is None or not any(value is not None for value in values) else values)
    return [one[0] if isinstance(one, tuple) and len(paths) == 1 else one for one in people]


def _subjects(plan: Plan, facts: list[Record | None], records: int) -> tuple[int, AbstractSet[Subject]]:
    """How many different people the answer is about, and who they are; every record its own person, and nobody that
    can be named, when that cannot be read."""
    if not plan.offer.subjects:
        return 0, _NOBODY
    reader = plan.mask.facts
    paths = plan.offer.readable_subjects
    if not paths:
        return records, _NOBODY
    unread = facts.count(None)
    people: set[Subject]
    if len(paths) == 1:
        get = reader.getter(paths[0])
        people = {get(record) for record in facts if record is not None}
    else:
        people = {tuple(reader.value(record, path) for path in paths) for record in facts if record is not None}
    count = unread + len(people)
    people -= {None, (None,) * len(paths)}  # a value that is missing names nobody
    return count, people
