"""The admin services of samples: `admin.sample.{settings,list,failures,get,delete}`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from hansa import Invalid, Model, NotFound, PlainSettings, dump, setting
from hansa_admin.operation import Operation

from .failures import SampleFailures, group_of, has_failed
from .index import Changed, Index, removed
from .kinds import Sampling
from .sample import Head, Message, Sample, decoded
from .sample_input import input_of
from .sampler import Sampler
from .settings import SamplingSettings

DEFAULT_SECONDS = 3600.0
"""For how long a service is sampled whose end is not given."""
ATTEMPTS = 10
PAUSE = 0.1
"""Seconds between two attempts to read a sample that the index has, and its slot has not yet."""


class AskedSettings(Model):
    """A service, and how it is to be sampled; without any of that, how it is."""

    service: Annotated[str, setting("Service to be sampled; empty to list all that are")] = ""
    every: (
        Annotated[int, setting("Keep one in this many requests, in each worker; 0 for none", ge=0)]
        | None
    ) = None
    slower_than: (
        Annotated[
            float,
            setting("Keep all requests that take at least this long, in ms; 0 keeps all", ge=0),
        ]
        | None
    ) = None
    errors: Annotated[bool | None, setting("Keep all requests that fail")] = None
    until: Annotated[
        float | None,
        setting("Time at which it switches itself off, in seconds of the Unix epoch"),
    ] = None
    masks: Annotated[
        list[str] | None, setting("Paths in messages whose values are masked, too")
    ] = None
    off: Annotated[bool, setting("Sample the service no more")] = False

    @property
    def changes(self) -> PlainSettings:
        """The settings that are given."""
        names = ("every", "slower_than", "errors", "masks")
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not None}


class ShownSampling(Model):
    """How a service is sampled."""

    service: Annotated[str, setting("Name of the service")]
    active: Annotated[bool, setting("Whether requests are kept at the moment")]
    every: Annotated[int, setting("One in this many requests is kept; 0 for none")]
    slower_than: Annotated[
        float | None, setting("Requests that take at least this long are kept, in ms")
    ]
    errors: Annotated[bool, setting("Whether requests that fail are kept")]
    until: Annotated[
        float | None, setting("When it switches itself off, in seconds of the Unix epoch")
    ]
    masks: Annotated[list[str], setting("Paths in messages whose values are masked, too")]
    keep: Annotated[int, setting("Number of samples that are kept")]


class Samplings(Model):
    """How services are sampled."""

    items: Annotated[list[ShownSampling], setting("Services, by name")]


class AskedSamples(Model):
    """Which samples to list; all conditions hold."""

    service: Annotated[str, setting("Only of this service")] = ""
    why: Annotated[
        Literal["every", "slow", "error", ""], setting("Only those kept for this reason")
    ] = ""
    channel: Annotated[str, setting("Only of this channel, as TYPE NAME")] = ""
    by: Annotated[str, setting("Only of this caller")] = ""
    cid: Annotated[str, setting("Only with this correlation id")] = ""
    group: Annotated[str, setting("Only failures of this group of admin.sample.failures")] = ""
    slower_than: Annotated[float, setting("Only those that took at least this long, in ms")] = 0.0
    since: Annotated[float | None, setting("Only from then on, in seconds of the Unix epoch")] = (
        None
    )
    until: Annotated[float | None, setting("Only up to then, in seconds of the Unix epoch")] = None
    order: Annotated[Literal["at", "ms"], setting("The newest first, or the slowest")] = "at"
    offset: Annotated[int, setting("Number to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number to return", ge=1, le=10_000)] = 50

    def matches(self, head: Head) -> bool:
        """Whether a sample is asked for."""
        asked = (self.service, self.why, self.channel, self.by, self.cid)
        found = (head.service, head.why, head.channel, head.by, head.cid)
        if any(want not in ("", have) for want, have in zip(asked, found, strict=True)):
            return False
        if self.group and (not has_failed(head) or group_of(head) != self.group):
            return False
        is_early = self.since is not None and head.at < self.since
        is_late = self.until is not None and head.at > self.until
        return head.ms >= self.slower_than and not is_early and not is_late


class ListedSample(Model):
    """What is known of a sample without its payloads."""

    id: Annotated[str, setting("Id of the sample")]
    at: Annotated[float, setting("Begin of the call, in seconds of the Unix epoch")]
    service: Annotated[str, setting("Name of the service")]
    why: Annotated[str, setting("Why it was kept: every, slow or error")]
    ms: Annotated[float, setting("How long the call took, in ms")]
    outcome: Annotated[
        str, setting("ok, the code of an error, or status-404 for a status from 400 up")
    ]
    cause: Annotated[
        str,
        setting(
            "What happened, with * for numbers and identifiers; empty if no error ended the call"
        ),
    ]
    status: Annotated[int, setting("Status of the answer")]
    cid: Annotated[str, setting("Correlation id")]
    channel: Annotated[str, setting("Type and name of the channel; invoke for calls by services")]
    by: Annotated[str, setting("Name of the caller")]
    definition: Annotated[str, setting("Security definition that vouches for the caller")]
    address: Annotated[str, setting("Address of the caller")]
    worker: Annotated[str, setting("Worker that handled it")]
    request_size: Annotated[int, setting("Size of the request, in bytes")]
    answer_size: Annotated[int, setting("Size of the answer, in bytes")]


class Samples(Model):
    """A page of samples."""

    items: Annotated[list[ListedSample], setting("Samples, in order")]
    total: Annotated[int, setting("Number of samples on all pages")]
    dropped: Annotated[
        dict[str, int],
        setting("Number of samples that were not kept, since there were too many, by service"),
    ]


class SampleId(Model):
    """A sample."""

    id: Annotated[str, setting("Id of the sample", min_length=1)]


class ShownMessage(Model):
    """A request or an answer, masked."""

    headers: Annotated[dict[str, str], setting("Headers")]
    content_type: Annotated[str, setting("Content type")]
    size: Annotated[int, setting("Size of the whole message, in bytes")]
    text: Annotated[str, setting("The message, if it is text")]
    base64: Annotated[str, setting("The message in base64, if it is not")]
    note: Annotated[str, setting("Why less than the whole message is kept")]


class ShownSample(ListedSample):
    """A sample with its payloads."""

    method: Annotated[str, setting("Method of the request")]
    path: Annotated[str, setting("Path of the request")]
    parameters: Annotated[dict[str, str], setting("Parameters of path and query")]
    request: Annotated[ShownMessage, setting("The request")]
    answer: Annotated[ShownMessage, setting("The answer")]
    error: Annotated[str, setting("Text of the error that ended the call")]
    input: Annotated[
        Any, setting("The request as the input of admin.service.invoke, with its parameters")
    ] = None
    input_fault: Annotated[str, setting("Why it cannot be used as an input")] = ""


class Which(Model):
    """Which samples to delete."""

    id: Annotated[str, setting("Id of a sample")] = ""
    ids: Annotated[list[str], setting("Ids of samples")] = []
    service: Annotated[str, setting("Service whose samples are all deleted")] = ""


class Deleted(Model):
    """How many are gone."""

    deleted: Annotated[int, setting("Number of samples deleted")]


class SampleOperation(Operation):
    """An operation on samples."""

    abstract = True

    @property
    def sampler(self) -> Sampler:
        """What keeps the samples of this worker."""
        return self.server.resource(Sampler)


class SampleSettings(SampleOperation):
    """Sample a service until a time, or show how services are sampled."""

    name = "admin.sample.settings"
    right = "operate"
    Input = AskedSettings
    Output = Samplings

    def handle(self) -> Samplings:
        """Change what is given, and return the service; or return all of them."""
        asked: AskedSettings = self.request.input
        if asked.off or asked.changes or asked.until is not None:
            self._change(asked)
        stored = {record.name: record.data for record in self.server.definitions.all(Sampling.kind)}
        names = [asked.service] if asked.service else sorted(stored)
        return Samplings(items=[shown(name, stored.get(name)) for name in names])

    def _change(self, asked: AskedSettings) -> None:
        service = asked.service
        if not service or service.startswith("admin."):
            raise Invalid({"service": "name a service that is not an admin service"})
        kind = Sampling.kind
        definitions = self.server.definitions
        if asked.off:
            if definitions.exists(kind, kind, service):
                definitions.delete(kind, kind, service, by=self.caller)
            return
        self.server.registry.service(service)
        until = time.time() + DEFAULT_SECONDS if asked.until is None else asked.until
        try:
            end = datetime.fromtimestamp(until, UTC)
        except (ValueError, OverflowError, OSError):
            raise Invalid({"until": "is not a time"}) from None
        settings = {**asked.changes, "active": True, "until": end.isoformat(timespec="seconds")}
        mode = "edit" if definitions.exists(kind, kind, service) else "create"
        definitions.define(kind, kind, service, settings, mode=mode, by=self.caller)


def shown(service: str, data: PlainSettings | None) -> ShownSampling:
    """Return how a service is sampled; not at all if nothing is stored of it."""
    given = dict(data or {})
    active = bool(given.pop("active", True)) and data is not None
    settings = msgspec.convert(given, SamplingSettings)
    ends = settings.ends_at
    return ShownSampling(
        service=service,
        active=active and (ends is None or ends > time.time()),
        every=settings.every,
        slower_than=settings.slower_than,
        errors=settings.errors,
        until=ends,
        masks=settings.masks,
        keep=settings.keep,
    )


class SampleList(SampleOperation):
    """List the samples of requests, without their payloads."""

    name = "admin.sample.list"
    right = "view"
    Input = AskedSamples
    Output = Samples

    def handle(self) -> Samples:
        """Return a page of the list."""
        asked: AskedSamples = self.request.input
        index = self.sampler.store.index()
        found = [head for head in index.heads if asked.matches(head)]
        found.sort(key=lambda head: getattr(head, asked.order), reverse=True)
        page = found[asked.offset : asked.offset + asked.limit]
        return Samples(
            items=[listed(head) for head in page], total=len(found), dropped=index.dropped
        )


class SampleGet(SampleOperation):
    """Show one sample: its request and its answer, masked."""

    name = "admin.sample.get"
    right = "payloads"
    Input = SampleId
    Output = ShownSample

    def handle(self) -> ShownSample:
        """Return the sample; raises `NotFound`."""
        wanted: str = self.request.input.id
        sample = self._found(wanted)
        used = input_of(sample)
        return ShownSample(
            **dump(listed(sample.head)),
            method=sample.method,
            path=sample.path,
            parameters=sample.parameters,
            request=message(sample.request),
            answer=message(sample.answer),
            error=sample.error,
            input=used.value,
            input_fault=used.fault,
        )

    def _found(self, wanted: str) -> Sample:
        """Return a sample; one that is being stored is waited for."""
        store = self.sampler.store
        for attempt in range(ATTEMPTS):
            slots = [head.slot for head in store.index().heads if head.id == wanted]
            texts = [store.text(slot) for slot in slots]
            samples = [decoded(text) for text in texts if text]
            for sample in samples:
                if sample.head.id == wanted:
                    return sample
            if not slots or attempt == ATTEMPTS - 1:
                break
            time.sleep(PAUSE)
        raise NotFound(f"there is no sample {wanted!r}; it may have been replaced by newer ones")


class SampleDelete(SampleOperation):
    """Delete samples: by their ids, or all of a service."""

    name = "admin.sample.delete"
    right = "operate"
    Input = Which
    Output = Deleted

    def handle(self) -> Deleted:
        """Delete them; returns how many there were."""
        asked: Which = self.request.input
        ids = {*asked.ids, asked.id} - {""}
        if not ids and not asked.service:
            raise Invalid("name samples by id or ids, or a service")
        counts: list[int] = []

        def change(index: Index) -> Changed:
            changed = removed(index, ids, asked.service)
            counts.append(len(index.heads) - len(changed.index.heads))
            return changed

        self.sampler.store.change(change)
        return Deleted(deleted=counts[-1])


def listed(head: Head) -> ListedSample:
    """Return what lists show of a sample."""
    names = ListedSample.__dataclass_fields__
    return ListedSample(**{name: getattr(head, name) for name in names})


def message(kept: Message) -> ShownMessage:
    """Return a message as it is shown."""
    return ShownMessage(**msgspec.structs.asdict(kept))


OPERATIONS: tuple[type[Operation], ...] = (
    SampleSettings,
    SampleList,
    SampleFailures,
    SampleGet,
    SampleDelete,
)
