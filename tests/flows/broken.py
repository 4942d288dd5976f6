"""Requests of a partner that are wrong, one way each, and a look at the languages of what comes back."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
from msgspec import Struct

CJK = re.compile(r"[\u4e00-\u9fff]")
SPOKEN = ("title", "detail")


class Broken(Struct, frozen=True):
    """A request; `body` is sent as JSON, text as it is, None not at all."""

    method: str
    path: str
    body: Any = None
    content_type: str = "application/json"


_REPORT = {"product": "shipments", "key": "SH-1", "field": "weight_kg", "expected": 1, "severity": "minor"}
_TASK = {"title": "Look", "team": "legal", "due": "P1D"}
_ENDPOINTS, _TASKS, _REPORTS = "/partner/webhooks", "/partner/tasks", "/partner/corrections"

_BODIES_OF: tuple[tuple[str, tuple[Any, ...]], ...] = (
    (
        _TASKS,
        ({}, [], 7, "no", _TASK | {"due": "tomorrow"}, _TASK | {"due": "2001-01-01"}, _TASK | {"due": "P9999D"}),
    ),
    (_TASKS, (_TASK | {"title": ""}, _TASK | {"title": "a\nb"}, _TASK | {"title": 7}, _TASK | {"title": {}})),
    (
        _TASKS,
        (_TASK | {"team": "UPPER"}, _TASK | {"more": 1}, _TASK | {"details": "\x00"}, _TASK | {"agreement": "x"}),
    ),
    (_TASKS, (_TASK | {"details": "a" * 4_001}, _TASK | {"title": "a" * 201})),
    (_ENDPOINTS, ({}, {"url": ""}, {"url": "ftp://a.example/"}, {"url": "https://u:p@a.example/"})),
    (_ENDPOINTS, ({"url": "https://a.example/#x"}, {"url": "https://a.example:99999/"}, {"url": "https://a b/"})),
    (_ENDPOINTS, ({"url": "https://a.example/", "events": ["no"]}, {"url": "https://a.example/", "events": "no"})),
    (_REPORTS, ({}, _REPORT | {"severity": "huge"}, _REPORT | {"expected": []}, _REPORT | {"field": "margin"})),
    (_REPORTS, (_REPORT | {"key": ""}, _REPORT | {"product": "no"}, _REPORT | {"clause": "9.9"})),
    (_REPORTS, (_REPORT | {"expected": "heavy"}, _REPORT | {"key": "no-such"}, _REPORT | {"evidence": 7})),
    ("/partner/clients/swift-logistics-app/keys", ({}, {"jwks": {}}, {"jwks": {"keys": [{}]}, "overlap_days": 91})),
)
BODIES: tuple[Broken, ...] = tuple(Broken("POST", path, body) for path, bodies in _BODIES_OF for body in bodies)
QUERIES: tuple[Broken, ...] = tuple(
    Broken("GET", path)
    for path in (
        f"{_TASKS}?state=no",
        f"{_TASKS}?after=no",
        f"{_TASKS}?no=1",
        f"{_TASKS}/t-no",
        f"{_REPORTS}?limit=0",
        f"{_REPORTS}?state=no",
        f"{_REPORTS}?after=no",
        f"{_REPORTS}/c-no",
        "/partner/refusals?limit=0",
        "/partner/refusals?no=1",
        "/partner/refusals/no",
        "/partner/statements/no",
        "/partner/clients/no",
        "/partner/receipts/no",
        "/partner/log/tile/no",
        "/partner/nothing",
        f"{_ENDPOINTS}/w-no",
        "/partner/notices?access_token=no",
    )
)
OTHERS: tuple[Broken, ...] = (
    Broken("PUT", _TASKS),
    Broken("POST", _TASKS, "{", "application/json"),
    Broken("POST", _TASKS, "a", "text/plain"),
    Broken("POST", _TASKS, "a" * 70_000, "application/json"),
    Broken("POST", f"{_TASKS}/t-no/accept", {}),
    Broken("POST", f"{_REPORTS}/c-no/reject", {}),
    Broken("POST", f"{_REPORTS}/c-no/reject", {"reason": "so"}),
    Broken("POST", f"{_REPORTS}/c-no/fly", {}),
    Broken("POST", "/partner/statements/no/dispute", {}),
    Broken("POST", "/partner/statements/no/countersign", 7),
    Broken("DELETE", f"{_ENDPOINTS}/w-no"),
    Broken("DELETE", "/partner/clients/no/keys/k"),
)
READS = (
    "?limit=0",
    "?limit=no",
    "?no=1",
    "?cursor=no",
    "?sort=no",
    "?fields=no",
    "?weight_kg[no]=1",
    "/no-such-record",
)
"""What is added to the path of a product's list."""


def all_broken() -> Iterator[Broken]:
    """Every one below /partner/."""
    yield from (*BODIES, *QUERIES, *OTHERS)


def ask(client: httpx.Client, broken: Broken, headers: dict[str, str]) -> httpx.Response:
    """Send one."""
    text = isinstance(broken.body, str) and broken.body != "no"
    if broken.body is None:
        return client.request(broken.method, broken.path, headers=headers)
    if text:
        headers = headers | {"content-type": broken.content_type}
        return client.request(broken.method, broken.path, headers=headers, content=broken.body)
    return client.request(broken.method, broken.path, headers=headers, json=broken.body)


def unspoken(answer: httpx.Response, language: str) -> list[str]:
    """What a problem document says in another language than `language`, each with its place; [] for nothing."""
    document = answer.json()
    assert (answer.headers["content-type"], document["status"]) == ("application/problem+json", answer.status_code)
    said = {name: document[name] for name in SPOKEN}
    said |= {f"errors{error['pointer']}": error["detail"] for error in document.get("errors", [])}
    return [
        f"{place}: {words}" for place, words in said.items() if bool(CJK.search(words)) is not (language == "zh-CN")
    ]
