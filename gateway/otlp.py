"""Opens telemetry where it is sent somewhere; elsewhere nothing of it is imported."""

from typing import TYPE_CHECKING

from gateway.audit.writer import Writer
from gateway.settings import Settings
from gateway.sla.tally import Tally

if TYPE_CHECKING:
    from gateway.telemetry import Telemetry


def open_telemetry(settings: Settings, tally: Tally, writer: Writer) -> "Telemetry | None":
    """Metrics and sampled spans to `otlp_endpoint`; None where that is empty."""
    if not settings.otlp_endpoint:
        return None
    from gateway import telemetry

    return telemetry.open_telemetry(settings, tally, writer)
