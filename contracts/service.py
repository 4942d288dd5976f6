"""A service: an interface of a partner's own that the hub calls, described by the partner's OpenAPI document.

The document (OpenAPI 3.0 or 3.1) is as the partner publishes it, with one key added at the top, `x-service`, by which
agreements name it. What can be called is in contracts/service_operation.py.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from policies.library import Name, Version


class ServiceInfo(Struct, frozen=True):
    """OpenAPI `info`: title and version; everything else is for people."""

    title: str
    """What the interface is called."""
    version: Version
    """Its exact version; agreements name it."""
    description: str = ""
    """What it is for."""


class Service(Struct, frozen=True):
    """An OpenAPI document (3.0.x, 3.1.x). Keys that calling does not need are kept as they are."""

    openapi: Annotated[str, Meta(pattern=r"^3\.[01]\.[0-9]+\Z")]
    """The version of the standard."""
    info: ServiceInfo
    """Title and version."""
    paths: dict[str, dict[str, Any]]
    """What can be called, by path template and method."""
    name: Name = field(name="x-service")
    """The service's name in the gateway."""
    components: dict[str, Any] = {}
    """What paths refer to."""

    @property
    def version(self) -> str:
        """The exact version, as agreements name it."""
        return self.info.version
