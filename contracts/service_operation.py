"""One operation of a service, compiled: its route, its parameters, and the schemas of what is sent and answered."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote, urlencode

from msgspec import Struct

from contracts.finding import KeyPath, clipped
from contracts.json_strict import read_json
from contracts.service_schema import Schema, SchemaFault, Schemas
from policies.reference import Words

Method: TypeAlias = Literal["GET", "PUT", "POST", "DELETE", "PATCH"]
METHODS: Final[Mapping[str, Method]] = {
    "get": "GET",
    "put": "PUT",
    "post": "POST",
    "delete": "DELETE",
    "patch": "PATCH",
}
_SAFE_TO_REPEAT: Final = frozenset({"GET", "PUT", "DELETE"})
_IGNORED_HEADERS: Final = frozenset({"accept", "content-type", "authorization"})
"""OpenAPI 3.1.0 section 4.8.12.2.1: parameters of these names shall be ignored."""
_JSON: Final = "application/json"
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,30})")
_TYPES: Final = frozenset({"string", "integer", "number", "boolean"})


class Wrong(Struct, frozen=True):
    """Why an operation cannot be called through the gateway: where in the document, and what is wrong."""

    path: KeyPath
    message: str


class Parameter(Struct, frozen=True):
    """One parameter: a single value in the path or the query. `kind` is its JSON type."""

    name: str
    place: Literal["path", "query"]
    required: bool
    kind: str
    schema: Schema


class Target(Struct, frozen=True):
    """Where a call goes: path and query below the service's URL, percent-encoded."""

    path: str
    query: str


class Operation(Struct, frozen=True):
    """All that one operation needs. `body` None: it takes none. `answers` are by status, `2XX` or `default`; None: an
    answer without content. `repeatable`: to send it twice does no more than once (RFC 9110 section 9.2.2);
    `keyed`: it is told an Idempotency-Key, with which that is so as well."""

    name: str
    method: Method
    template: str
    summary: str
    parameters: tuple[Parameter, ...]
    body: Schema | None
    body_required: bool
    answers: Mapping[str, Schema | None]
    keyed: bool
    key_required: bool

    @property
    def changes(self) -> bool:
        """Whether it may change something at the partner's."""
        return self.method != "GET"

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again when nobody knows whether it arrived."""
        return self.keyed or self.method in _SAFE_TO_REPEAT

    def target(self, given: Mapping[str, str]) -> Target | tuple[SchemaFault, ...]:
        """Where a call with these parameters goes; or every mistake of them."""
        known = {parameter.name for parameter in self.parameters}
        faults = [_unknown() for name in given if name not in known]
        values: dict[str, str] = {}
        for parameter in self.parameters:
            text = given.get(parameter.name)
            if text is None:
                if parameter.required:
                    faults.append(_parameter_fault(parameter, "required", "缺少该参数", "is missing"))
                continue
            faults += _judged(parameter, text)
            values[parameter.name] = text
        if faults:
            return tuple(faults)
        path = _VARIABLE.sub(lambda match: quote(values[match[1]], safe=""), self.template)
        pairs = [(each.name, values[each.name]) for each in self.parameters if _is_in_query(each, values)]
        return Target(path, urlencode(pairs, quote_via=quote))

    def answer(self, status: int) -> Schema | Literal["undeclared"] | None:
        """What an answer of this status has to be: exact status before range before default (OpenAPI 3.1.0, 4.8.16)."""
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in self.answers:
                return self.answers[key]
        return "undeclared"


def compile_operation(document: Mapping[str, Any], schemas: Schemas, name: str) -> Operation | list[Wrong] | None:
    """The operation with this operationId in an OpenAPI document (plain values); None when there is none."""
    found = [(path, method) for path, method, operation in _operations(document) if operation == name]
    if not found:
        return None
    at: KeyPath = ("paths", *found[0])
    if len(found) > 1:
        return [Wrong(at, f"operationId {name} is given {len(found)} times")]
    return _Compiling(document, schemas, *found[0]).operation(name)


def operation_ids(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Every operation that can be named."""
    return tuple(name for _, _, name in _operations(document))


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            operation = item.get(method) if isinstance(item, dict) else None
            if isinstance(operation, dict) and isinstance(operation.get("operationId"), str):
                yield path, method, operation["operationId"]


class _Compiling:
    """One operation on its way. Mistakes are collected, so that all of them are said."""

    def __init__(self, document: Mapping[str, Any], schemas: Schemas, path: str, method: str) -> None:
        self._schemas, self._path, self._method = schemas, path, method
        self._item = document["paths"][path]
        self._written = self._item[method]
        self._at: tuple[str, ...] = ("paths", path, method)
        self._wrong: list[Wrong] = []
        self._keyed = self._key_required = False

    def operation(self, name: str) -> Operation | list[Wrong]:
        parameters = tuple(self._parameters())
        body, body_required = self._body()
        answers = self._answers()
        variables = _VARIABLE.findall(self._path)
        in_path = [parameter.name for parameter in parameters if parameter.place == "path"]
        if not self._path.startswith("/") or sorted(variables) != sorted(in_path):
            self._say(self._at, "the path template and the parameters in the path are not the same")
        if len({parameter.name for parameter in parameters}) < len(parameters):
            self._say(self._at, "two parameters have the same name: callers could not tell them apart")
        if self._wrong:
            return self._wrong
        summary = self._written.get("summary")
        return Operation(
            name=name,
            method=METHODS[self._method],
            template=self._path,
            summary=summary if isinstance(summary, str) else "",
            parameters=parameters,
            body=body,
            body_required=body_required,
            answers=answers,
            keyed=self._keyed,
            key_required=self._key_required,
        )

    def _say(self, path: KeyPath, message: str) -> None:
        self._wrong.append(Wrong(path, message))

    def _parameters(self) -> Iterator[Parameter]:
        """Those of the path and those of the operation, which win (OpenAPI 3.1.0, section 4.8.10)."""
        found: dict[tuple[str, str], tuple[tuple[str, ...], Mapping[str, Any]]] = {}
        for owner, around in ((self._item, self._at[:2]), (self._written, self._at)):
            listed = owner.get("parameters", [])
            for index in range(len(listed) if isinstance(listed, list) else 0):
                at = (*around, "parameters", str(index))
                written, place = self._follow(at)
                found[str(written.get("in")), str(written.get("name"))] = (place, written)
        for at, written in found.values():
            parameter = self._parameter(at, written)
            if parameter is not None:
                yield parameter

    def _parameter(self, at: tuple[str, ...], written: Mapping[str, Any]) -> Parameter | None:
        name, place = str(written.get("name")), written.get("in")
        required = bool(written.get("required")) or place == "path"
        if place == "header" and name.lower() == "idempotency-key":
            self._keyed, self._key_required = True, required
            return None
        if place not in ("path", "query"):
            if required and name.lower() not in _IGNORED_HEADERS:
                self._say(at, f"parameter {clipped(name)} in {clipped(str(place))} is required and cannot be sent")
            return None
        schema = self._schemas.at((*at, "schema")) if "schema" in written else "has no schema"
        kind = self._schemas.plain((*at, "schema")).get("type") if isinstance(schema, Schema) else None
        if isinstance(schema, str):
            self._say(at, f"parameter {clipped(name)}: {schema}")
        elif kind not in _TYPES:
            self._say(at, f"parameter {clipped(name)} is not of one of these types: {', '.join(sorted(_TYPES))}")
        else:
            return Parameter(name, "path" if place == "path" else "query", required, str(kind), schema)
        return None

    def _body(self) -> tuple[Schema | None, bool]:
        if "requestBody" not in self._written:
            return None, False
        written, at = self._follow((*self._at, "requestBody"))
        return self._content(written, at), bool(written.get("required"))

    def _answers(self) -> dict[str, Schema | None]:
        listed = self._written.get("responses")
        if not isinstance(listed, dict) or not listed:
            self._say(self._at, "no response is described")
            return {}
        found: dict[str, Schema | None] = {}
        for status in listed:
            written, at = self._follow((*self._at, "responses", status))
            found[str(status).upper() if status != "default" else status] = (
                self._content(written, at) if written.get("content") else None
            )
        return found

    def _content(self, written: Mapping[str, Any], at: tuple[str, ...]) -> Schema | None:
        content = written.get("content")
        media = content.get(_JSON) if isinstance(content, dict) else None
        if not isinstance(media, dict) or "schema" not in media:
            self._say(at, f"has no schema for {_JSON}")
            return None
        schema = self._schemas.at((*at, "content", _JSON, "schema"))
        if isinstance(schema, str):
            self._say(at, schema)
            return None
        return schema

    def _follow(self, at: tuple[str, ...]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """What stands at a place, or at the one in this document that a reference there leads to."""
        for _ in range(8):
            written = self._schemas.plain_at(at)
            reference = written.get("$ref")
            if not isinstance(reference, str):
                return written, at
            if not reference.startswith("#/"):
                break
            at = tuple(step.replace("~1", "/").replace("~0", "~") for step in reference[2:].split("/"))
        self._say(self._at, "a reference leads out of this document, or round in circles")
        return {}, at


def _is_in_query(parameter: Parameter, values: Mapping[str, str]) -> bool:
    return parameter.place == "query" and parameter.name in values


def _judged(parameter: Parameter, text: str) -> list[SchemaFault]:
    value = _typed(parameter.kind, text)
    if value is None:
        return [_parameter_fault(parameter, "type", f"不是 {parameter.kind}", f"is no {parameter.kind}")]
    if parameter.place == "path" and not _is_segment(text):
        return [_parameter_fault(parameter, "path", "不能作为路径的一段", "cannot be one segment of a path")]
    return [
        SchemaFault(f"/{parameter.name}{fault.pointer}", fault.code, fault.words)
        for fault in parameter.schema.faults(value)
    ]


def _typed(kind: str, text: str) -> Any:
    """Text of a URL as its JSON type; None when it is none of that type."""
    if kind == "string":
        return text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text)
    if _INTEGER.fullmatch(text):
        return int(text)
    return _decimal(text) if kind == "number" else None


def _decimal(text: str) -> Any:
    try:
        value = read_json(text.encode())
    except (ValueError, RecursionError):
        return None
    return value if not isinstance(value, bool | str | list | dict) else None


def _is_segment(text: str) -> bool:
    """Whether no server could read it as another path: many decode first, and resolve `..` and `/` afterwards."""
    return text not in {"", ".", ".."} and text.isprintable() and not {"/", "\\"} & set(text)


def _unknown() -> SchemaFault:
    """A parameter that is not declared. Its name is the caller's text, and not repeated."""
    words: Words = {"zh": "有未声明的参数", "en": "a parameter is not declared"}
    return SchemaFault("", "unknown-parameter", words)


def _parameter_fault(parameter: Parameter, code: str, zh: str, en: str) -> SchemaFault:
    return SchemaFault(
        f"/{parameter.name}", code, {"zh": f"参数 {parameter.name} {zh}", "en": f"{parameter.name} {en}"}
    )
