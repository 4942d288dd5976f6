"""Responses that many operations of an OpenAPI document have in common, written once among its components."""

from collections.abc import Iterator
from typing import Any


def share_problems(paths: dict[str, Any]) -> dict[str, Any]:
    """Put a reference in place of each problem response of these paths, and return the responses by name.

    A name is the status, with the kind of operation where kinds differ, with the operation's own id where those do.
    """
    found = list(_problems(paths))
    shared: dict[str, Any] = {}
    for operation, status, response in found:
        kind = _kind(operation)
        same_status = [each for _, other, each in found if other == status]
        same_kind = [each for whose, other, each in found if other == status and _kind(whose) == kind]
        name = status
        if any(each != response for each in same_status):
            name = f"{status}-{kind}"
        if any(each != response for each in same_kind):
            name = f"{status}-{operation['operationId']}"
        shared[name] = response
        operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return dict(sorted(shared.items()))


def _problems(paths: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    for methods in paths.values():
        for operation in methods.values():
            for status, response in list(operation["responses"].items()):
                if int(status) >= 400:
                    yield operation, status, response


def _kind(operation: dict[str, Any]) -> str:
    return str(operation["operationId"]).partition("-")[0]
