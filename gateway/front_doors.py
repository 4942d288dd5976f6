"""The Litestar application behind everything but exchanges: its errors are problem documents as well."""

from typing import Any

from litestar import Litestar
from litestar.plugins.core import MsgspecDIPlugin

from gateway.problem_pages import answer_error


class _Plain(Litestar):
    @staticmethod
    def _get_default_plugins(plugins: list[Any]) -> list[Any]:
        """Without those that read models of other libraries: to import these is a tenth of a start."""
        return [*plugins, MsgspecDIPlugin()]


def front_doors(handlers: list[Any]) -> Litestar:
    """An application of these handlers."""
    return _Plain(
        route_handlers=handlers,
        exception_handlers={Exception: answer_error},
        openapi_config=None,
        logging_config=None,
    )
