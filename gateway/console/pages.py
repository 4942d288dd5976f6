"""Pages: templates rendered in a person's language, with the headers that every answer of the console carries."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response

from gateway.console.language import Catalogue, load_catalogues
from gateway.console.site import CONSOLE, Site
from gateway.console.static_files import StaticFiles
from gateway.people.roles import home_of, may
from policies.reference import LANGUAGES, Language

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
PRIVATE = {"Cache-Control": "no-store", "Vary": "Cookie, Accept-Language"}


class Pages:
    """Renders the templates of a site. Escapes whatever it is given; a name that a template does not know is an error.

    `more` holds templates beside the console's own.
    """

    def __init__(self, static: StaticFiles, site: Site = CONSOLE, more: Path | None = None) -> None:
        self.site = site
        self._catalogues = load_catalogues()
        folders = [Path(__file__).parent / "templates", *([] if more is None else [more])]
        self._environment = Environment(
            loader=FileSystemLoader(folders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(static=static.url, languages=LANGUAGES, may=may, home_of=home_of, site=site)
        self._environment.filters.update(grouped="{:,}".format)

    def page(self, template: str, language: Language, *, status: int = 200, **values: Any) -> Response[str]:
        """A page or a part of one."""
        t = self._catalogues[language]
        text = self._environment.get_template(template).render(t=t, kind_name=t.kind, language=language, **values)
        return Response(text, status_code=status, media_type=MediaType.HTML, headers=dict(PRIVATE))

    def catalogue(self, language: Language) -> Catalogue:
        """The messages of one language."""
        return self._catalogues[language]

    def say(self, language: Language, message: str, /, **arguments: object) -> str:
        """One message of the catalogue."""
        return self._catalogues[language](message, **arguments)
