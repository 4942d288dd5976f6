"""Problem documents (RFC 9457), one for each code of gateway/problems.py."""

from typing import Any

import msgspec

from gateway.problems import PROBLEMS
from policies.reference import ClauseRef, Language

MEDIA_TYPE = b"application/problem+json"


def document(
    code: str,
    language: Language,
    request_id: str,
    *,
    detail: str = "",
    clause: ClauseRef | None = None,
    receipt: str | None = None,
    errors: list[dict[str, str]] | None = None,
) -> bytes:
    """The body of a refusal or fault.

    `detail` and `errors` (pointer, code, detail of each) add to the title and must not repeat what the caller sent.
    """
    problem = PROBLEMS[code]
    members: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": problem.title[language],
        "status": problem.status,
        "detail": detail or problem.advice[language],
        "request_id": request_id,
    }
    if clause is not None:
        members["clause"] = {
            "agreement": clause.agreement,
            "version": clause.version,
            "id": clause.id,
            "text": clause.text[language],
        }
    if errors:
        members["errors"] = errors
    if receipt is not None:
        members["receipt"] = receipt
    return msgspec.json.encode(members)
