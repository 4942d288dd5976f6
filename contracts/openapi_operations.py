"""One operation of an OpenAPI document, from the plans that open it: what it takes, gives, and can end with."""

from collections.abc import Mapping
from typing import Any

from contracts.openapi_examples import body_example, csv_example, line_of, record_example
from contracts.openapi_parameters import parameters
from contracts.openapi_problems import problem_responses
from contracts.openapi_security import requirements
from contracts.openapi_terms import clauses_said, terms
from contracts.plan import Plan
from contracts.product import Operation
from policies.limit import Quota

METHODS: Mapping[Operation, str] = {
    "list": "get",
    "get": "get",
    "create": "post",
    "update": "patch",
    "delete": "delete",
}
_SUMMARIES: Mapping[Operation, str] = {
    "list": "A page of",
    "get": "One record of",
    "create": "Create a record of",
    "update": "Change a record of",
    "delete": "Delete a record of",
}
_BODY_TYPES: Mapping[Operation, tuple[str, ...]] = {
    "create": ("application/json",),
    "update": ("application/json", "application/merge-patch+json"),
}
_ANSWERED = ("X-Request-Id", "Clausegate-Agreement", "Clausegate-Receipt", "Cache-Control")
_COMPARED = ("ETag", "Vary")


def operation(plans: list[Plan], names: Mapping[str, str]) -> dict[str, Any]:
    """`plans` are those of every agreement that opens it: all of one resource and operation. `names` are the schemas
    of records, by mask id."""
    plan = plans[0]
    body = _body(plans)
    return {
        "operationId": f"{plan.operation}-{plan.resource.replace('/', '-')}",
        "tags": [plan.resource],
        "summary": f"{_SUMMARIES[plan.operation]} {plan.resource}",
        "description": clauses_said(plans),
        "parameters": parameters(plans),
        **({"requestBody": body} if body else {}),
        "security": requirements(plans),
        "responses": {**_answers(plans, names), **problem_responses(plans)},
        **terms(plans),
    }


def _body(plans: list[Plan]) -> dict[str, Any] | None:
    """What may be written; None for an operation without a body."""
    schemas: list[dict[str, Any]] = []
    example: dict[str, Any] = {}
    for plan in plans:
        if plan.writing is not None and plan.writing.json_schema not in schemas:
            schemas.append(plan.writing.json_schema)
            example = example or body_example(plan.writing, plan.offer.schema)
    if not schemas:
        return None
    content = {"schema": _any_of(schemas), **({"example": example} if example else {})}
    return {"required": True, "content": dict.fromkeys(_BODY_TYPES[plans[0].operation], content)}


def _answers(plans: list[Plan], names: Mapping[str, str]) -> dict[str, Any]:
    """The responses that are no problem."""
    plan = plans[0]
    headers = _ANSWERED + (("RateLimit-Policy", "RateLimit") if any(each.limits for each in plans) else ())
    headers += ("Clausegate-Cut",) if any(_can_be_cut(each) for each in plans) else ()
    record = _any_of(
        [{"$ref": f"#/components/schemas/{name}"} for name in dict.fromkeys(names[each.mask_id] for each in plans)]
    )
    example = record_example(plan.view.record, plan.offer.schema)
    one = {"application/json": {"schema": record, "example": example}}
    shown = {"content": one} if any(each.view.record.fields for each in plans) else {}
    masked = "What the agreement opens, masked."
    match plan.operation:
        case "list":
            content = _list_content(plans, record, example)
            return {
                "200": _answer(masked, (*headers, *_COMPARED), content=content),
                "304": _answer("What you have is still right.", (*headers, *_COMPARED)),
            }
        case "get":
            return {
                "200": _answer(masked, (*headers, *_COMPARED), **shown),
                "304": _answer("What you have is still right.", (*headers, *_COMPARED)),
            }
        case "create":
            return {"201": _answer("Created, as far as you see it.", (*headers, "Location", "ETag"), **shown)}
        case "update":
            changed = {"200": _answer("As it is now, as far as you see it.", (*headers, "ETag"), **shown)}
            return {**(changed if shown else {}), "204": _answer("Changed; there is nothing to show of it.", headers)}
    return {"204": _answer("Deleted.", headers)}


def _can_be_cut(plan: Plan) -> bool:
    """Whether a quota of what is shown may leave records, or an answer's data, out."""
    return any(isinstance(limit, Quota) and limit.unit != "calls" for limit in plan.limits)


def _list_content(plans: list[Plan], record: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """A page as JSON; or all records as lines, which no JSON Schema describes beyond being text."""
    page = {
        "type": "object",
        "required": ["data", "next"],
        "properties": {
            "data": {"type": "array", "items": record, "maxItems": max(each.page_limit[1] for each in plans)},
            "next": {"type": ["string", "null"], "description": "The cursor of the next page; null on the last."},
        },
        "additionalProperties": False,
    }
    lines = {"type": "string", "description": "Every record, one a line, each as the records of the JSON page."}
    table = {"type": "string", "description": "Every record, one a row below the names of the fields (RFC 4180)."}
    return {
        "application/json": {"schema": page, "example": {"data": [example], "next": None}},
        "application/x-ndjson": {"schema": lines, "example": line_of(example) + "\n"},
        "text/csv": {"schema": table, "example": csv_example(plans[0].view.record, example)},
    }


def _answer(description: str, headers: tuple[str, ...], **more: Any) -> dict[str, Any]:
    references = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return {"description": description, "headers": references, **more}


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
