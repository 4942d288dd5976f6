"""What alerts.toml says now, for a gateway that serves: a file that is edited holds with the next step."""

from pathlib import Path

import structlog
from msgspec import structs

from gateway.alerts.rules import DEFAULT_ALERTS, FILE, Alerts, read_alerts

_log = structlog.get_logger(__name__)


class LatestAlerts:
    """Reads the file when it was changed. One with a mistake is said once, and what held before goes on holding."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._alerts = structs.replace(DEFAULT_ALERTS, trusted=False)
        self._seen: tuple[int, int, int] | None = None
        self._begun = False

    def __call__(self) -> Alerts:
        """What holds."""
        seen = self._stamp()
        if seen != self._seen or not self._begun:
            self._seen, self._begun = seen, True
            found = read_alerts(self._folder)
            if isinstance(found, Alerts):
                self._alerts = found
            else:
                mistakes = [finding.to_text() for finding in found]
                _log.error("alerts.toml has mistakes: the rules stay as they were", mistakes=mistakes)
        return self._alerts

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = (self._folder / FILE).stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino)
