"""Generated products, views, and what a hostile backend makes of their records, with every value's fate worked out.

Each value is a token that exists once. What a token's fate is follows from the product, the view and the value's own
type, and is worked out here on the plain tree, by nothing that the gateway uses.
"""

import json
from collections.abc import Mapping
from random import Random
from typing import Any

from msgspec import Struct

OWNER = "SWIFT"
NAMES = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
TEXT_KINDS = ("string", "date", "timestamp")
SCALAR_KINDS = (*TEXT_KINDS, "number", "integer", "boolean")
_MASKING: Mapping[str, list[Any]] = {
    "string": ["redact", {"redact": "***"}, {"keep_first": 1}, {"keep_last": 2}, "pseudonym", "commitment"],
    "date": ["redact", {"generalise": "year"}],
    "timestamp": ["redact", {"generalise": "month"}],
    "number": ["redact", {"generalise": {"width": "1000", "bottom": "0", "top": "9000"}}, "commitment"],
    "integer": ["redact", "pseudonym"],
    "boolean": ["redact"],
}


class Declared(Struct, frozen=True):
    """One field as the product declares it, and how the view discloses it: a technique, None for not at all."""

    name: str
    kind: str
    technique: Any
    fields: "tuple[Declared, ...]" = ()
    item: "Declared | None" = None


def declaration(random: Random, name: str, depth: int) -> Declared:
    """A field of any kind, granted in clear, masked, or not at all."""
    kind = random.choice(
        (*SCALAR_KINDS, "number") if depth == 0 else (*SCALAR_KINDS, "number", "object", "array", "map")
    )
    if kind == "object":
        names = random.sample(NAMES, random.randint(1, 4))
        return Declared(name, kind, None, tuple(declaration(random, each, depth - 1) for each in names))
    if kind == "array":
        return Declared(name, kind, None, item=declaration(random, name, depth - 1))
    if kind == "map":
        value = declaration(random, "value", 0)
        key = None if value.technique is None else random.choice(["clear", "pseudonym"])
        return Declared(name, kind, key, item=value)
    return Declared(name, kind, random.choice([None, "clear", "clear", random.choice(_MASKING[kind])]))


def declarations(random: Random) -> tuple[Declared, ...]:
    """The fields of a record: a key, whose it is, and others; now and then very many."""
    owner = Declared("owner", "string", random.choice(["clear", None]))
    names = random.sample(NAMES, random.randint(2, 7))
    others = [declaration(random, name, 2) for name in names]
    if random.randint(0, 9) == 0:
        others += [declaration(random, f"wide{number}", 0) for number in range(40)]
    return (Declared("id", "string", "clear"), owner, *others)


def property_of(declared: Declared) -> dict[str, Any]:
    """The field as ODCS says it."""
    said: dict[str, Any] = {"name": declared.name, "logicalType": declared.kind}
    if declared.kind == "object":
        said["properties"] = [property_of(each) for each in declared.fields]
    elif declared.item is not None and declared.kind == "array":
        said["items"] = property_of(declared.item)
    elif declared.item is not None:
        said["map"] = {"key": {"name": "key", "logicalType": "string"}, "value": property_of(declared.item)}
    return said


def granted_of(fields: tuple[Declared, ...], prefix: str = "") -> dict[str, Any]:
    """The view's fields, by path."""
    granted: dict[str, Any] = {}
    for declared in fields:
        inner, path = declared, prefix + declared.name
        while inner.kind == "array" and inner.item is not None:
            inner = inner.item
        if inner.kind == "object":
            granted |= granted_of(inner.fields, f"{path}.")
        elif inner.kind == "map" and inner.item is not None:
            if inner.technique is not None:
                granted |= {f"{path}.key": inner.technique, f"{path}.value": inner.item.technique}
        elif inner.technique is not None:
            granted[path] = inner.technique
    return granted


# What a value may be made into: of the declared type, in two spellings; missing; or of any type.
# Where little is wrong, the whole page is decoded in one go; where much is, value by value.
_MUCH_WRONG = ["fit"] * 6 + ["escaped", "absent", "null", "other", "other", "other"]
_LITTLE_WRONG = ["fit"] * 25 + ["escaped", "absent", "null", "other"]
_NUMBERS = ["", ".50", ".0", "e3", "E-2", "000000000000000000001"]


class Telling:
    """Writes a record as JSON and keeps book of the tokens in it.

    `may` are the texts that the answer holds if the record is served, `never` those that no byte may hold.
    """

    def __init__(self, random: Random) -> None:
        self._random, self._count = random, 0
        self._values = random.choice([_LITTLE_WRONG, _LITTLE_WRONG, _MUCH_WRONG])
        self.may: list[str] = []
        self.never: list[str] = []

    def records(self, fields: tuple[Declared, ...], *, rows: bool) -> str:
        """A list of records; where `rows` is True those of other owners are never to be seen."""
        return "[" + ",".join(self.record(fields, rows=rows) for _ in range(self._random.choice([2, 1, 3, 0]))) + "]"

    def record(self, fields: tuple[Declared, ...], *, rows: bool) -> str:
        owner = self._random.choice([f'"{OWNER}"'] * 4 + ['"OTHER"', "null", "7", '{"a":1}', '["SWIFT"]', ""])
        before = len(self.may)
        members = [f'"owner":{owner}'] if owner else []
        members += [self._member(declared) for declared in fields if declared.name != "owner"]
        if self._random.randint(0, 1):
            members.append(f"{self._quoted(seen=False)}:{self._anything()}")
        if rows and owner != f'"{OWNER}"':
            self.never += self.may[before:]
            del self.may[before:]
        return "{" + ",".join(filter(None, self._random.sample(members, len(members)))) + "}"

    def _member(self, declared: Declared) -> str:
        value = self._value(declared, seen=True)
        if value is None:
            return ""
        if self._random.randint(0, 15) == 0:  # the last of several counts
            return f'"{declared.name}":{self._anything()},"{declared.name}":{value}'
        return f'"{declared.name}":{value}'

    def _value(self, declared: Declared, *, seen: bool) -> str | None:
        """JSON text of a value, or None for an absent one. `seen` False: what is around it is withheld."""
        how = self._random.choice(self._values)
        if how in {"absent", "null"}:
            return None if how == "absent" else "null"
        if how in {"fit", "escaped"}:
            return self._fitting(declared, seen=seen, escaped=how == "escaped")
        return self._anything(declared.kind)

    def _fitting(self, declared: Declared, *, seen: bool, escaped: bool) -> str:
        """A value of the declared type."""
        clear = seen and declared.technique == "clear"
        if declared.kind == "object":
            return self._object(declared, seen=seen)
        if declared.kind == "map":
            return self._map(declared, seen=seen)
        if declared.kind == "array" and declared.item is not None:
            values = [self._value(declared.item, seen=seen) for _ in range(self._random.randint(0, 2))]
            return "[" + ",".join(value for value in values if value is not None) + "]"
        if declared.kind in {"number", "integer"}:
            return self._number(whole=declared.kind == "integer", seen=clear)
        return "true" if declared.kind == "boolean" else self._quoted(seen=clear, escaped=escaped)

    def _object(self, declared: Declared, *, seen: bool) -> str:
        members = []
        for each in declared.fields:
            value = self._value(each, seen=seen)
            if value is not None:
                members.append(f'"{each.name}":{value}')
        if self._random.randint(0, 3) == 0:
            members.append(f"{self._quoted(seen=False)}:{self._anything()}")
        return "{" + ",".join(members) + "}"

    def _map(self, declared: Declared, *, seen: bool) -> str:
        assert declared.item is not None
        entries = []
        for _ in range(self._random.randint(0, 2)):
            before = len(self.never)
            value = self._value(declared.item, seen=seen and declared.technique is not None)
            if value is None:
                continue
            masked = declared.item.technique != "clear"
            withheld = len(self.never) > before  # of another type than declared, or masked
            fits = masked or not withheld
            # whether a masked value fits is for its technique to say: then the key may be there or not
            sure = fits and not masked and declared.item.technique is not None
            entries.append(f"{self._key(declared, seen=seen, sure=sure, fits=fits)}:{value}")
        return "{" + ",".join(entries) + "}"

    def _key(self, declared: Declared, *, seen: bool, sure: bool, fits: bool) -> str:
        clear = seen and declared.technique == "clear"
        if clear and fits and not sure:
            return f'"{self._token()}"'
        return self._quoted(seen=clear and sure)

    def _anything(self, kind: str = "") -> str:
        """A value that must not be seen, of any type that does not fit a field of this kind."""
        forms = ["text"] * (kind not in TEXT_KINDS) + ["number"] * (kind not in {"number", "integer"})
        forms += ["list"] * (kind != "array") + ["objects", "object"] * (kind != "map")
        match self._random.choice(forms):
            case "text":
                return self._quoted(seen=False)
            case "number":
                return self._number(whole=True, seen=False)
            case "list":
                return f"[{self._quoted(seen=False)},{self._number(whole=False, seen=False)}]"
            case "objects":
                return f"{{{self._quoted(seen=False)}:{{{self._quoted(seen=False)}:{self._quoted(seen=False)}}}}}"
        return f'{{"phone":{self._quoted(seen=False)}}}'

    def _token(self) -> str:
        self._count += 1
        return f"cnry{self._count:05d}x"

    def _quoted(self, *, seen: bool, escaped: bool = False) -> str:
        token = self._token()
        (self.may if seen else self.never).append(token)
        return f'"\\u0063{token[1:]}"' if escaped else f'"{token}"'

    def _number(self, *, whole: bool, seen: bool) -> str:
        self._count += 1
        form = self._random.choice(_NUMBERS)
        text = f"8675309{self._count:05d}42{form}"
        fits = not (whole and form in {".50", "E-2"} and not _is_whole(text))
        (self.may if seen and fits else self.never).append(text)
        return text


def _is_whole(text: str) -> bool:
    return float(text).is_integer()


def product_of(fields: tuple[Declared, ...], *, rows: bool) -> str:
    """The product with its one view, as a document (JSON is YAML)."""
    view: dict[str, Any] = {
        "operations": ["list", "get", "create", "update"],
        "purpose": ["delivery"],
        "fields": granted_of(fields),
        "writable": {"create": ["id"], "update": []},
    }
    if rows:
        view["rows"] = "record.owner == partner.code"
        view["assign"] = {"owner": "partner.code"}
    view["operations"].remove("update")
    del view["writable"]["update"]
    properties = [property_of(declared) for declared in fields]
    properties[0] |= {"primaryKey": True}
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "urn:example:product:shipments",
        "name": "shipments",
        "version": "2.1.0",
        "status": "active",
        "customProperties": [{"property": "backend", "value": "records"}],
        "schema": [{"name": "shipment", "logicalType": "object", "properties": properties}],
        "roles": [{"role": "logistics", "customProperties": [{"property": "view", "value": view}]}],
    }
    return json.dumps(document)
