"""A data product: the parts of an Open Data Contract Standard document that serving needs, all others kept as they are.

The names are ODCS's own (v3.1.0, with what v3.0.x and v3.2 add or call otherwise), so that a document stays valid
under the official JSON Schema. Views live in `roles[].customProperties`, property `view`.
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

Operation: TypeAlias = Literal["list", "get", "create", "update", "delete"]
"""What a view may let a role do."""
READING: tuple[Operation, ...] = ("list", "get")
LegalBasis: TypeAlias = Literal[
    "consent", "contract", "legal_duty", "emergency", "public_interest", "made_public", "other_law"
]
"""The grounds of article 13 of China's Personal Information Protection Law (PIPL), in its order."""


class CustomProperty(Struct, frozen=True):
    """ODCS `customProperties[]`: a name and any value. v3.0.x demands neither, and allows any other key and value."""

    property: str = ""
    """Its name."""
    value: Any = None
    """Any value."""
    id: Any = None
    """A stable identifier, for references from elsewhere (v3.1)."""
    description: Any = None
    """What it is, for people (v3.1)."""
    vendor: Any = None
    """Whose property it is (v3.2)."""


class Property(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """ODCS `schema[].properties[]`: one field of a record, or the items of an array (then without a name)."""

    name: str = ""
    """The field's name in answers and views."""
    id: str | None = None
    """A stable identifier, for references from elsewhere."""
    primaryKey: bool = False  # noqa: N815 - ODCS's own name
    """Whether it is the key by which one record is asked for."""
    primaryKeyPosition: int | None = None  # noqa: N815 - ODCS's own name
    """Its place among several key fields."""
    logicalType: str | None = None  # noqa: N815 - ODCS's own name
    """The type of the value: string, date, timestamp, time, number, integer, boolean, object, array, map or vector. A
    granted field needs one.
    """
    logicalTypeOptions: dict[str, Any] | None = None  # noqa: N815 - ODCS's own name
    """Bounds, patterns and formats of the type; what is written is held to them."""
    physicalType: str | None = None  # noqa: N815 - ODCS's own name
    """The type in the source system."""
    physicalName: str | None = None  # noqa: N815 - ODCS's own name
    """Its column in the backend; left out, its path joined by `_`."""
    description: str | None = None
    """What it is, for people."""
    businessName: str | None = None  # noqa: N815 - ODCS's own name
    """Its name in business."""
    deprecated: Any = None
    """Whether, and since when, it should no longer be used (v3.2)."""
    synonyms: list[Any] | None = None
    """Other names of it (v3.2)."""
    authoritativeDefinitions: list[Any] | None = None  # noqa: N815 - ODCS's own name
    """Links to where it is defined."""
    tags: list[str] | None = None
    """Free labels."""
    customProperties: tuple[CustomProperty, ...] = ()  # noqa: N815 - ODCS's own name
    """What the standard has no key for."""
    required: bool = False
    """Whether a record has to have it."""
    unique: bool = False
    """Whether no two records share a value."""
    semanticType: Any = None  # noqa: N815 - ODCS's own name
    """What the value means, beyond its type (v3.2)."""
    partitioned: bool | None = None
    """Whether the source is partitioned by it."""
    partitionKeyPosition: int | None = None  # noqa: N815 - ODCS's own name
    """Its place in the partition key."""
    classification: str | None = None
    """How sensitive it is, such as `personal-sensitive`; several words count each. Clauses of kind `disclosure` bind
    it.
    """
    encryptedName: str | None = None  # noqa: N815 - ODCS's own name
    """The column that holds it encrypted."""
    transformSourceObjects: list[str] | None = None  # noqa: N815 - ODCS's own name
    """Tables that it is derived from."""
    transformLogic: str | None = None  # noqa: N815 - ODCS's own name
    """How it is derived."""
    transformDescription: str | None = None  # noqa: N815 - ODCS's own name
    """How it is derived, for people."""
    examples: list[Any] | None = None
    """Sample values; they appear in OpenAPI, masked like data."""
    enum: list[Any] | None = None
    """The values that it may have (v3.2); what is written is held to them."""
    criticalDataElement: bool | None = None  # noqa: N815 - ODCS's own name
    """Whether the business depends on it."""
    relationships: list[Any] | None = None
    """Foreign keys and other relations (v3.1)."""
    quality: list[Any] | None = None
    """Data quality rules; those of the library kind are measured on the traffic."""
    properties: "tuple[Property, ...]" = ()
    """The fields of an object."""
    items: "Property | None" = None
    """What an array holds."""
    map: "MapDefinition | None" = None
    """What a map holds (v3.2)."""


class MapDefinition(Struct, frozen=True, forbid_unknown_fields=True):
    """ODCS `map` (v3.2): what the keys and the values of a map are."""

    key: Property
    """The keys, which are text."""
    value: Property
    """The values."""


class SchemaObject(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """ODCS `schema[]`: one kind of record. `physicalName` is the table or path in the backend."""

    name: str
    """Its name; of several, the part of the URL behind the product's."""
    id: str | None = None
    """A stable identifier, for references from elsewhere."""
    logicalType: str | None = None  # noqa: N815 - ODCS's own name
    """`object`."""
    physicalName: str | None = None  # noqa: N815 - ODCS's own name
    """The table or path in the backend; left out, its name."""
    physicalType: str | None = None  # noqa: N815 - ODCS's own name
    """The type in the source system."""
    description: str | None = None
    """What it is, for people."""
    businessName: str | None = None  # noqa: N815 - ODCS's own name
    """Its name in business."""
    deprecated: Any = None
    """Whether, and since when, it should no longer be used (v3.2)."""
    synonyms: list[Any] | None = None
    """Other names of it (v3.2)."""
    authoritativeDefinitions: list[Any] | None = None  # noqa: N815 - ODCS's own name
    """Links to where it is defined."""
    tags: list[str] | None = None
    """Free labels."""
    customProperties: tuple[CustomProperty, ...] = ()  # noqa: N815 - ODCS's own name
    """What the standard has no key for."""
    dataGranularityDescription: str | None = None  # noqa: N815 - ODCS's own name
    """What one record stands for."""
    properties: tuple[Property, ...] = ()
    """Its fields."""
    relationships: list[Any] | None = None
    """Foreign keys and other relations (v3.1)."""
    quality: list[Any] | None = None
    """Data quality rules; those of the library kind are measured on the traffic."""
    context: Any = None
    """Background for people and models (v3.2)."""


class Role(Struct, frozen=True):
    """ODCS `roles[]`: a partner role; its view is in `customProperties`. v3.0.x allows other keys."""

    role: str
    """Its name, as an agreement's `partner.role` gives it."""
    id: str | None = None
    """A stable identifier, for references from elsewhere."""
    description: str | None = None
    """What it is, for people."""
    access: str | None = None
    """The kind of access in the source system."""
    firstLevelApprovers: str | None = None  # noqa: N815 - ODCS's own name
    """Who approves first."""
    secondLevelApprovers: str | None = None  # noqa: N815 - ODCS's own name
    """Who approves then."""
    customProperties: tuple[CustomProperty, ...] = ()  # noqa: N815 - ODCS's own name
    """One of them, `view`, is what the role may see and do."""


class Product(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An ODCS data contract. Serving one needs `name`, and `backend` among its customProperties."""

    apiVersion: Annotated[str, Meta(pattern=r"^v3\.[0-9]+\.[0-9]+\Z")]  # noqa: N815 - ODCS's own name
    """The version of the standard: v3.0.x, v3.1.0 or v3.2.0."""
    kind: Literal["DataContract"]
    """`DataContract`."""
    id: str
    """A unique identifier of the contract."""
    version: str
    """The product's version, as agreements name it."""
    name: str | None = None
    """The product's name, as agreements name it; lower-case letters, digits and hyphens, because it is part of the
    URL.
    """
    status: str | None = None
    """Where it is in its life: proposed, draft, active, deprecated, retired."""
    tenant: str | None = None
    """Whose data they are."""
    tags: list[str] | None = None
    """Free labels."""
    servers: list[Any] | None = None
    """Where the data are in the hub's own systems."""
    dataProduct: str | None = None  # noqa: N815 - ODCS's own name
    """The data product it belongs to."""
    description: Any = None
    """Purpose, limitations and usage."""
    domain: str | None = None
    """The business domain."""
    context: Any = None
    """Background for people and models (v3.2)."""
    schema: tuple[SchemaObject, ...] = ()
    """The kinds of records. A product that is served has at least one, with one `primaryKey` field at the top of
    each.
    """
    support: list[Any] | None = None
    """Where to ask."""
    price: Any = None
    """What it costs in the hub's catalogue; partners pay what their agreement says."""
    team: Any = None
    """Who looks after it."""
    roles: tuple[Role, ...] = ()
    """The partner roles and their views."""
    slaDefaultElement: str | None = None  # noqa: N815 - ODCS's own name
    """What `slaProperties` are about where they do not say (v3.0)."""
    slaProperties: list[Any] | None = None  # noqa: N815 - ODCS's own name
    """Service levels of the data, such as latency."""
    authoritativeDefinitions: list[Any] | None = None  # noqa: N815 - ODCS's own name
    """Links to where it is defined."""
    customProperties: tuple[CustomProperty, ...] = ()  # noqa: N815 - ODCS's own name
    """One of them, `backend`, names the table of `backends.toml` that the records come from."""
    contractCreatedTs: str | None = None  # noqa: N815 - ODCS's own name
    """When the contract was written."""


class Writable(Struct, frozen=True, forbid_unknown_fields=True):
    """Which fields a role may write, as dotted paths; naming an object, array or map opens all that is in it."""

    create: tuple[str, ...] = ()
    """Fields that a created record may bring."""
    update: tuple[str, ...] = ()
    """Fields that an update may change."""


class ObjectView(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one role may see and do of one schema object.

    `fields` maps a dotted path to a technique: a name (`clear`) or a name with its parameter (`{keep_last: 4}`). Naming
    an object, array or map grants the fields that this product version declares under it. `rows` is a CEL expression
    over `record` and `partner`; left out, the role sees every record. `writable` are the fields that create and update
    take; `assign` are the values that the gateway itself puts into a created record, a literal or one of `partner.id`,
    `partner.code` and `partner.role`.
    """

    operations: tuple[Operation, ...] = ()
    """What the role may do."""
    fields: dict[str, Any] = {}
    """Dotted field path to technique. What is not named is not served."""
    rows: str | None = None
    """Which records, as a CEL condition over `record` and `partner` (`id`, `code`, `role`)."""
    writable: Writable = Writable()
    """Which fields create and update take."""
    assign: dict[str, str | int | bool] = {}
    """Values that the gateway puts into a created record: field path to a literal, `partner.id`, `partner.code` or
    `partner.role`.
    """


class View(ObjectView, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one role may see and do of a product.

    `purpose` is what the data may be used for, `legal_basis` on which ground personal data may be given out (PIPL
    article 13). A product with several schema objects has a view for each, by name, in `objects`, and none of
    its own.
    """

    purpose: Annotated[tuple[str, ...], Meta(min_length=1)]
    """What the data may be used for; clauses of kind `purpose` have to allow it too."""
    legal_basis: LegalBasis | None = None
    """The ground on which personal data are given out."""
    objects: dict[str, ObjectView] = {}
    """For a product with several objects, the view of each by its name."""


def custom(properties: tuple[CustomProperty, ...], name: str) -> Any:
    """The value of a custom property, or None."""
    return next((entry.value for entry in properties if entry.property == name), None)
