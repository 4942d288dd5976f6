"""The two places that people log in to: the console, for the hub's people, and the portal, for partners' developers."""

from typing import Final

from msgspec import Struct

from gateway.people.roles import Allowed


class Site(Struct, frozen=True):
    """`base` is the path that everything of it is below; `needs` is what a role must be allowed to see anything."""

    name: str
    base: str
    needs: Allowed


CONSOLE: Final = Site("console", "/console/", "see-console")
PORTAL: Final = Site("portal", "/portal/", "see-portal")


def safe_next(path: str | None, site: Site = CONSOLE) -> str:
    """Where to go after a form: a page of the site, never another host."""
    if not path or not path.startswith(site.base) or "\\" in path or "//" in path or not path.isascii():
        return site.base
    aside = tuple(f"{site.base}{name}" for name in ("log", "language", "oidc"))
    return path if path.isprintable() and not path.startswith(aside) else site.base
