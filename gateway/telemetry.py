"""Telemetry: OpenTelemetry metrics read from counts that exist anyway, and spans for the few calls that are sampled."""

import random
from collections.abc import Iterable, Iterator
from functools import partial

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.audit.leaf import Exchange
from gateway.audit.writer import Writer
from gateway.exchange.arrival import Arrival
from gateway.settings import Settings
from gateway.sla.account import Account
from gateway.sla.tally import Tally
from gateway.workers.own import is_first

_SAMPLED_FLAG = 0x01


class Telemetry:
    """What goes to an OTLP endpoint. Costs a call nothing but a comparison unless it is sampled.

    `tally` None: the figures are told by another worker, which knows those of all; here they would count twice.
    """

    def __init__(
        self, tally: Tally | None, writer: Writer, ratio: float, readers: Iterable[MetricReader], spans: SpanProcessor
    ) -> None:
        resource = Resource.create({"service.name": "clausegate", "service.instance.id": writer.state.writer})
        self._tally, self._writer, self._ratio = tally, writer, ratio
        self._metrics = MeterProvider(resource=resource, metric_readers=list(readers))
        self._traces = TracerProvider(resource=resource, sampler=ALWAYS_ON)
        self._traces.add_span_processor(spans)
        self._tracer = self._traces.get_tracer("clausegate")
        self._propagator = TraceContextTextMapPropagator()
        meter = self._metrics.get_meter("clausegate")
        meter.create_observable_counter("clausegate.exchange.requests", [self._requests], unit="{request}")
        for name in ("refusals", "observed", "uncounted", "cuts"):
            read = partial(self._by_clause, name)
            meter.create_observable_counter(f"clausegate.exchange.{name}", [read], unit="{request}")
        meter.create_observable_counter("clausegate.exchange.withheld", [self._withheld], unit="{value}")
        meter.create_observable_counter("clausegate.log.records", [self._records], unit="{record}")
        meter.create_observable_gauge("clausegate.log.unsynced", [self._unsynced], unit="By")

    def observe(self, arrival: Arrival, entry: Exchange) -> None:
        """Make a span of an exchange that is over, if its caller traces (W3C Trace Context) or chance picks it."""
        if not self._is_sampled(arrival.traceparent):
            return
        parent = {"traceparent": arrival.traceparent.decode("latin-1")} if arrival.traceparent else {}
        span = self._tracer.start_span(
            f"{entry.method} {entry.route or 'unknown'}",
            context=self._propagator.extract(parent),
            kind=SpanKind.SERVER,
            start_time=entry.time_us * 1000,
            attributes={
                "http.request.method": entry.method,
                "http.route": entry.route,
                "http.response.status_code": entry.status,
                "clausegate.agreement": entry.agreement,
                "clausegate.plan": entry.plan,
                "clausegate.clause": entry.clause,
                "error.type": entry.code,
            },
        )
        if entry.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end((entry.time_us + entry.latency_us) * 1000)

    def close(self) -> None:
        """Send what is waiting, for a few seconds at most."""
        self._traces.force_flush(3_000)
        self._traces.shutdown()
        self._metrics.shutdown(3_000)

    def _is_sampled(self, traceparent: bytes | None) -> bool:
        if traceparent is not None:
            return bool(int(traceparent[53:55], 16) & _SAMPLED_FLAG)
        return self._ratio > 0 and random.random() < self._ratio  # noqa: S311 - a sample, not a secret

    def _accounts(self) -> Iterator[Account]:
        return iter(()) if self._tally is None else self._tally.accounts()

    def _requests(self, _: CallbackOptions) -> Iterator[Observation]:
        for account in self._accounts():
            for status_class, count in enumerate(account.total().statuses):
                if count:
                    yield Observation(
                        count,
                        {"clausegate.agreement": account.contract.agreement, "status_class": f"{status_class}xx"},
                    )

    def _by_clause(self, name: str, _: CallbackOptions) -> Iterator[Observation]:
        """One of the counts that gateway/sla/counts.py keeps by clause."""
        for account in self._accounts():
            for clause, count in getattr(account.total(), name).items():
                attributes = {"clausegate.agreement": account.contract.agreement, "clausegate.clause": clause}
                yield Observation(count, attributes)

    def _withheld(self, _: CallbackOptions) -> Iterator[Observation]:
        for account in self._accounts():
            yield Observation(account.total().withheld, {"clausegate.agreement": account.contract.agreement})

    def _records(self, _: CallbackOptions) -> Iterator[Observation]:
        yield Observation(self._writer.state.seq + 1)

    def _unsynced(self, _: CallbackOptions) -> Iterator[Observation]:
        yield Observation(self._writer.state.unsynced_bytes)


def open_telemetry(settings: Settings, tally: Tally, writer: Writer) -> Telemetry:
    """Telemetry to the endpoint that the settings name."""
    base = settings.otlp_endpoint.rstrip("/")
    metrics = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{base}/v1/metrics"))
    spans = BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{base}/v1/traces"))
    return Telemetry(tally if is_first(settings) else None, writer, settings.trace_ratio, [metrics], spans)
