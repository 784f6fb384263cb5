"""The admin service of the telemetry: `admin.otel.state`, which asks every worker by `otel.here`."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, PlainSettings, Service, dump, setting
from hansa_admin.operation import Operation

from .worker import OpenTelemetry

PATIENCE = 5.0
"""Seconds within which workers have to answer."""


class OtelWorker(Model):
    """How the telemetry of a worker is going."""

    worker: Annotated[str, setting("Worker")]
    enabled: Annotated[bool, setting("Whether it sends telemetry: [otel] enabled")]
    failing: Annotated[
        dict[str, str], setting("Why its traces or metrics are not taken now, by signal")
    ] = {}
    taken_at: Annotated[
        float | None,
        setting("When the collector last took anything, in seconds of the Unix epoch"),
    ] = None
    sent: Annotated[int, setting("Number of spans that the collector has taken")] = 0
    waiting: Annotated[int, setting("Number of spans that wait to be sent")] = 0
    lost: Annotated[
        dict[str, int],
        setting(
            "Number of spans that are lost: no-room (too many waited), refused (by the collector), "
            "ended (not sent before the worker ended)"
        ),
    ] = {}


class OtelWorkers(Model):
    """How the telemetry of the cluster is going."""

    items: Annotated[list[OtelWorker], setting("The workers, by name")]
    missing: Annotated[dict[str, str], setting("Workers that did not answer, and why")]


class OtelHere(Service):
    """Tells how the telemetry of this worker is going."""

    name = "otel.here"

    @classmethod
    def is_administrative(cls) -> bool:
        """It tells of the whole worker."""
        return True

    def handle(self) -> PlainSettings:
        """Return what this worker has sent, and what it could not send."""
        state: PlainSettings = dump(self._state())
        return state

    def _state(self) -> OtelWorker:
        telemetry = self.server.resource(OpenTelemetry).telemetry
        if telemetry is None:
            return OtelWorker(worker=self.server.id, enabled=False)
        return OtelWorker(
            worker=self.server.id,
            enabled=True,
            failing={str(signal): why for signal, why in telemetry.failing.items()},
            taken_at=telemetry.taken_at,
            sent=telemetry.spans.sent,
            waiting=telemetry.spans.waiting,
            lost=dict(telemetry.spans.lost),
        )


class OtelState(Operation):
    """Show how the telemetry of each worker is going: what was sent, what is lost, what fails."""

    name = "admin.otel.state"
    right = "view"
    Output = OtelWorkers

    def handle(self) -> OtelWorkers:
        """Ask all workers."""
        workers = self.server.cluster.workers()
        answers = self.server.invoke_on(workers, OtelHere.name, {}, cid=self.cid, timeout=PATIENCE)
        return OtelWorkers(
            items=[
                OtelWorker(**answer.payload) for _, answer in sorted(answers.items()) if answer.ok
            ],
            missing={
                worker: answer.error.detail for worker, answer in answers.items() if answer.error
            },
        )
