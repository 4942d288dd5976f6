"""What becomes of a partner's answer: passed on if it is what the partner's document allows, else a problem."""

from collections.abc import Mapping

import structlog

from contracts.plan import ServicePlan
from contracts.service_schema import Schema
from gateway.exchange.call import is_json
from gateway.exchange.outcome import Header, Outcome, problem
from gateway.outbound.asked import faults_of
from gateway.outbound.connection import Answered, Called, Failed, Failure

_CODES: Mapping[Failure, str] = {
    "unreachable": "partner-unreachable",
    "no-token": "partner-unreachable",
    "timeout": "partner-timeout",
    "closed": "partner-error",
    "too-large": "partner-error",
}
_OURS = frozenset({401, 403, 407})
"""What a partner says of the hub's own credentials: its caller has others, and can do nothing about these."""
_RETRY_S_MAX = 3600

_log = structlog.get_logger(__name__)


async def outcome_of(plan: ServicePlan, called: Called, request_id: str) -> Outcome:
    """The answer for the hub's own program. Why an answer is not passed on goes to the operator's log, without data."""
    answer = called.outcome
    if isinstance(answer, Failed):
        return _refused(plan, request_id, _CODES[answer.kind], answer.kind)
    if answer.status == 429:
        return _refused(plan, request_id, "partner-failing", "status 429", _retry(answer, 1))
    if answer.status >= 500 or answer.status in _OURS or not 200 <= answer.status < 500 or 300 <= answer.status < 400:
        return _refused(plan, request_id, "partner-error", f"status {answer.status}", _retry(answer, 0))
    schema = plan.operation.answer(answer.status)
    if schema == "undeclared":
        return _refused(plan, request_id, "partner-error", f"status {answer.status} is not in its document")
    if schema is None:
        why = "a body that its document does not describe" if answer.body else ""
    else:
        why = await _wrong(schema, answer)
    return _refused(plan, request_id, "partner-error", why) if why else Outcome(answer.status, body=answer.body)


async def _wrong(schema: Schema, answer: Answered) -> str:
    """What the body has against it; "" for nothing."""
    if not is_json(answer.content_type):
        return "the body is no JSON"
    faults = await faults_of(schema, answer.body)
    return "the body breaks " + ", ".join(sorted({fault.code for fault in faults})) if faults else ""


def _refused(plan: ServicePlan, request_id: str, code: str, why: str, headers: tuple[Header, ...] = ()) -> Outcome:
    _log.warning(
        "partner's interface failed",
        service=plan.service,
        operation=plan.operation.name,
        code=code,
        why=why,
        request_id=request_id,
    )
    return problem(code, headers=headers)


def _retry(answer: Answered, least_s: int) -> tuple[Header, ...]:
    """When the partner says that it can be asked again; 0: it did not say."""
    wait_s = min(max(answer.retry_after_s, least_s), _RETRY_S_MAX)
    return ((b"retry-after", str(wait_s).encode()),) if wait_s else ()
