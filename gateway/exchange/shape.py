"""shape: what may they see? A backend's bytes become masked bytes, records outside the partner's rows are dropped."""

from itertools import compress

import msgspec

from adapters.base import Answer, Query
from contracts.facts import Record
from contracts.mask import NotMaskable
from contracts.plan import Plan
from gateway.exchange.cursor import AFTER_BYTES_MAX, Cursors
from gateway.exchange.outcome import Outcome, problem


def shape(plan: Plan, cursors: Cursors, query: Query, answer: Answer) -> Outcome:
    """Mask and filter. A record of which there is any doubt is left out; more records than were asked for is no answer,
    since what is cut off would be lost to the caller's paging."""
    masked = plan.mask.page(answer.body) if plan.operation == "list" else plan.mask.record(answer.body)
    if isinstance(masked, NotMaskable):
        return problem("backend-invalid")
    records, facts = masked.records, masked.facts
    if len(records) > query.limit:
        return problem("backend-invalid")
    if plan.keeps is not None:
        if len(facts) != len(records):
            return problem("backend-invalid")
        kept = list(map(plan.keeps, facts))
        if not all(kept):
            records, facts = list(compress(records, kept)), list(compress(facts, kept))
    if masked.drift and None in records:
        records = [record for record in records if record is not None]
    subjects = _subjects(plan, facts, len(records))
    if plan.operation == "get":
        if not records:
            return problem("record-not-found")
        data = plan.mask.encode(records[0])
    else:
        if masked.next is not None and len(masked.next.encode()) > AFTER_BYTES_MAX:
            return problem("backend-invalid")
        following = cursors.seal(masked.next, plan) if masked.next is not None else None
        data = b'{"data":%b,"next":%b}' % (plan.mask.encode(records), msgspec.json.encode(following))
    return Outcome(200, body=data, records=len(records), subjects=subjects, drift=masked.drift)


def _subjects(plan: Plan, facts: list[Record | None], records: int) -> int:
    """How many different people the answer is about; every record its own person when that cannot be read."""
    if not plan.subjects:
        return 0
    reader = plan.mask.facts
    if not plan.readable_subjects:
        return records
    paths = plan.readable_subjects
    unread = facts.count(None)
    if len(paths) == 1:
        return unread + len({reader.value(record, paths[0]) for record in facts if record is not None})
    people = {tuple(reader.value(record, path) for path in paths) for record in facts if record is not None}
    return unread + len(people)
