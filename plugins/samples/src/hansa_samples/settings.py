"""The settings of samplings, and the bounds of what is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from hansa import Invalid, Model, setting
from hansa_redaction.paths import parse_path


class SamplingSettings(Model):
    """Sampling.

    Which requests of a service are kept, and until when. The name of the definition is that of
    the service.
    """

    every: Annotated[
        int, setting("Keep one in this many requests, in each worker; 0 for none", ge=0)
    ] = 0
    slower_than: (
        Annotated[float, setting("Keep all requests that take at least this long, in ms", ge=0)]
        | None
    ) = None
    errors: Annotated[
        bool, setting("Keep all requests that fail, or that are answered with a status from 400 up")
    ] = False
    until: Annotated[
        datetime | None,
        setting("Time at which it switches itself off; without an offset it is in UTC"),
    ] = None
    masks: Annotated[
        list[str],
        setting(
            "Paths in messages whose values are masked, besides those of the channel and "
            "credentials",
            example=["customer.taxId"],
        ),
    ] = []
    keep: Annotated[
        int, setting("Number of samples of the service that are kept", ge=1, le=1000)
    ] = 100
    max_body: Annotated[
        int,
        setting("Bytes of a message that are kept; longer ones are cut", ge=0, le=262_144),
    ] = 16_384

    def check(self) -> None:
        """Raise `Invalid` for masks that lead nowhere."""
        faults = {
            f"masks.{number}": "names nothing in a message"
            for number, path in enumerate(self.masks)
            if not parse_path(path)
        }
        if faults:
            raise Invalid(faults)

    @property
    def ends_at(self) -> float | None:
        """When it ends, in seconds of the Unix epoch; None if it does not."""
        if self.until is None:
            return None
        until = self.until if self.until.tzinfo else self.until.replace(tzinfo=UTC)
        return until.timestamp()


class SamplesSection(Model):
    """Bounds of the samples that the cluster keeps, of all services together: `[samples]`."""

    max_samples: Annotated[int, setting("Maximum number of samples", ge=1, le=10_000)] = 1000
    max_bytes: Annotated[
        int, setting("Maximum size of all samples, in bytes", ge=1_000_000, le=1_000_000_000)
    ] = 32_000_000
    max_age: Annotated[
        float, setting("Maximum age of a sample, in days", gt=0, le=366, example=7)
    ] = 7.0
