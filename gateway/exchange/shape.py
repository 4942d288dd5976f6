"""shape: what may they see? A backend's bytes become masked bytes, records outside the partner's rows are dropped."""

import msgspec

from adapters.base import Answer
from contracts.facts import Record
from contracts.mask import Masked, NotMaskable
from contracts.plan import Plan
from gateway.exchange.cursor import Cursors
from gateway.exchange.outcome import Outcome, problem


def shape(plan: Plan, cursors: Cursors, answer: Answer) -> Outcome:
    """Mask and filter. A record of which there is any doubt is left out."""
    body = answer.body
    masked = plan.mask.page(body) if plan.operation == "list" else plan.mask.record(body)
    if isinstance(masked, NotMaskable):
        return problem("backend-invalid")
    facts: list[Record | None] = []
    if plan.facts is not None:
        try:
            facts = plan.facts.page(body) if plan.operation == "list" else [plan.facts.record(body)]
        except (msgspec.DecodeError, RecursionError):
            return problem("backend-invalid")
    if plan.keeps is not None:
        if len(facts) != len(masked.records):
            return problem("backend-invalid")
        kept = [plan.keeps(record) for record in facts]
        masked = Masked([r for r, keep in zip(masked.records, kept, strict=True) if keep], masked.next, masked.drift)
        facts = [record for record, keep in zip(facts, kept, strict=True) if keep]
    records = [record for record in masked.records if record is not None]
    subjects = _subjects(plan, facts, len(records))
    if plan.operation == "get":
        if not records:
            return problem("record-not-found")
        data = plan.mask.encode(records[0])
    else:
        following = cursors.seal(masked.next, plan) if masked.next is not None else None
        data = b'{"data":%b,"next":%b}' % (plan.mask.encode(records), msgspec.json.encode(following))
    return Outcome(200, body=data, records=len(records), subjects=subjects, drift=masked.drift)


def _subjects(plan: Plan, facts: list[Record | None], records: int) -> int:
    """How many different people the answer is about; every record its own person when that cannot be read."""
    reader = plan.facts
    if not plan.subjects:
        return 0
    if reader is None or not plan.readable_subjects:
        return records
    paths = plan.readable_subjects
    if len(paths) == 1:
        return len({reader.value(record, paths[0]) for record in facts if record is not None})
    return len({tuple(reader.value(record, path) for path in paths) for record in facts if record is not None})
