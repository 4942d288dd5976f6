"""A data product: the parts of an Open Data Contract Standard document that serving needs, all others kept as they are.

The names are ODCS's own (v3.1.0, with what v3.0.x and v3.2 add or call otherwise), so that a document stays valid
under the official JSON Schema. Views live in `roles[].customProperties`, property `view`.
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

Operation: TypeAlias = Literal["list", "get"]
"""What a view may let a role do."""


class CustomProperty(Struct, frozen=True, forbid_unknown_fields=True):
    """ODCS `customProperties[]`: a name and any value."""

    property: str
    value: Any
    id: str | None = None
    description: str | None = None
    vendor: str | None = None


class Property(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """ODCS `schema[].properties[]`: one field of a record, or the items of an array (then without a name)."""

    name: str = ""
    id: str | None = None
    primaryKey: bool = False  # noqa: N815 - ODCS's own name
    primaryKeyPosition: int | None = None  # noqa: N815 - ODCS's own name
    logicalType: str | None = None  # noqa: N815 - ODCS's own name
    logicalTypeOptions: dict[str, Any] | None = None  # noqa: N815 - ODCS's own name
    physicalType: str | None = None  # noqa: N815 - ODCS's own name
    physicalName: str | None = None  # noqa: N815 - ODCS's own name
    description: str | None = None
    businessName: str | None = None  # noqa: N815 - ODCS's own name
    deprecated: Any = None
    synonyms: list[Any] | None = None
    authoritativeDefinitions: list[Any] | None = None  # noqa: N815 - ODCS's own name
    tags: list[str] | None = None
    customProperties: tuple[CustomProperty, ...] = ()  # noqa: N815 - ODCS's own name
    required: bool = False
    unique: bool = False
    semanticType: Any = None  # noqa: N815 - ODCS's own name
    partitioned: bool | None = None
    partitionKeyPosition: int | None = None  # noqa: N815 - ODCS's own name
    classification: str | None = None
    encryptedName: str | None = None  # noqa: N815 - ODCS's own name
    transformSourceObjects: list[str] | None = None  # noqa: N815 - ODCS's own name
    transformLogic: str | None = None  # noqa: N815 - ODCS's own name
    transformDescription: str | None = None  # noqa: N815 - ODCS's own name
    examples: list[Any] | None = None
    enum: list[Any] | None = None
    criticalDataElement: bool | None = None  # noqa: N815 - ODCS's own name
    relationships: list[Any] | None = None
    quality: list[Any] | None = None
    properties: "tuple[Property, ...]" = ()
    items: "Property | None" = None


class SchemaObject(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """ODCS `schema[]`: one kind of record. `physicalName` is the table or path in the backend."""

    name: str
    id: str | None = None
    logicalType: str | None = None  # noqa: N815 - ODCS's own name
    physicalName: str | None = None  # noqa: N815 - ODCS's own name
    physicalType: str | None = None  # noqa: N815 - ODCS's own name
    description: str | None = None
    businessName: str | None = None  # noqa: N815 - ODCS's own name
    deprecated: Any = None
    synonyms: list[Any] | None = None
    authoritativeDefinitions: list[Any] | None = None  # noqa: N815 - ODCS's own name
    tags: list[str] | None = None
    customProperties: tuple[CustomProperty, ...] = ()  # noqa: N815 - ODCS's own name
    dataGranularityDescription: str | None = None  # noqa: N815 - ODCS's own name
    properties: tuple[Property, ...] = ()
    relationships: list[Any] | None = None
    quality: list[Any] | None = None
    context: Any = None


class Role(Struct, frozen=True, forbid_unknown_fields=True):
    """ODCS `roles[]`: a partner role; its view is in `customProperties`."""

    role: str
    id: str | None = None
    description: str | None = None
    access: str | None = None
    firstLevelApprovers: str | None = None  # noqa: N815 - ODCS's own name
    secondLevelApprovers: str | None = None  # noqa: N815 - ODCS's own name
    customProperties: tuple[CustomProperty, ...] = ()  # noqa: N815 - ODCS's own name


class Product(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An ODCS data contract. Serving one needs `name`, and `backend` among its customProperties."""

    apiVersion: Annotated[str, Meta(pattern=r"^v3\.[0-9]+\.[0-9]+\Z")]  # noqa: N815 - ODCS's own name
    kind: Literal["DataContract"]
    id: str
    version: str
    name: str | None = None
    status: str | None = None
    tenant: str | None = None
    tags: list[str] | None = None
    servers: list[Any] | None = None
    dataProduct: str | None = None  # noqa: N815 - ODCS's own name
    description: Any = None
    domain: str | None = None
    context: Any = None
    schema: tuple[SchemaObject, ...] = ()
    support: list[Any] | None = None
    price: Any = None
    team: Any = None
    roles: tuple[Role, ...] = ()
    slaDefaultElement: str | None = None  # noqa: N815 - ODCS's own name
    slaProperties: list[Any] | None = None  # noqa: N815 - ODCS's own name
    authoritativeDefinitions: list[Any] | None = None  # noqa: N815 - ODCS's own name
    customProperties: tuple[CustomProperty, ...] = ()  # noqa: N815 - ODCS's own name
    contractCreatedTs: str | None = None  # noqa: N815 - ODCS's own name


class View(Struct, frozen=True, forbid_unknown_fields=True):
    """What one role may see and do of a product.

    `fields` maps a dotted path to a technique: a name (`clear`) or a name with its parameter (`{keep_last: 4}`). Naming
    an object or array grants the fields that this product version declares under it. `rows` is a CEL expression over
    `record` and `partner`; left out, the role sees every record. `purpose` is what the data may be used for.
    """

    operations: Annotated[tuple[Operation, ...], Meta(min_length=1)]
    purpose: Annotated[tuple[str, ...], Meta(min_length=1)]
    fields: Annotated[dict[str, Any], Meta(min_length=1)]
    rows: str | None = None


def custom(properties: tuple[CustomProperty, ...], name: str) -> Any:
    """The value of a custom property, or None."""
    return next((entry.value for entry in properties if entry.property == name), None)
