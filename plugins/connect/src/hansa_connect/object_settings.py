"""The settings that all object stores share: a bucket of S3, containers of Swift."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Invalid, Model, setting

from .files import is_clean
from .pulling import PullSettings

MIB = 1024 * 1024


class ObjectSendingSettings(Model):
    """Storing.

    Settings of every outgoing connection to an object store.
    """

    metadata: Annotated[
        dict[str, str], setting("Metadata of all objects; that of a call is added to it")
    ] = {}
    transfer_timeout: Annotated[
        float,
        setting("Time limit of a call that transfers an object of any size, in seconds", gt=0),
    ] = 3600.0
    read_limit: Annotated[
        int,
        setting(
            "Maximum bytes that `read` takes into memory; `download` and `open` have no limit",
            ge=1,
        ),
    ] = 64 * MIB


class ObjectWatchSettings(PullSettings):
    """Watched objects.

    Settings of every channel that watches an object store.
    """

    prefix: Annotated[
        str, setting("Beginning of the names of objects that are taken", example="in/")
    ] = ""
    pattern: Annotated[
        list[str],
        setting(
            "Names of objects to take, after the prefix; * and ? stand for any characters, or one, "
            "slashes included",
            example=["*.csv"],
        ),
    ] = ["*"]
    ignore: Annotated[list[str], setting("Names of objects never to take, after the prefix")] = []
    deliver: Annotated[
        Literal["content", "name"],
        setting(
            "What the service gets: the content, or a payload with name, size and time of the object"
        ),
    ] = "content"
    after: Annotated[
        Literal["remember", "delete", "move"],
        setting(
            "What becomes of an object that was handled: it stays and is remembered, is deleted, or "
            "goes to `done`"
        ),
    ] = "remember"
    done: Annotated[
        str, setting("What the names of handled objects begin with after a move", example="done/")
    ] = ""
    failed: Annotated[
        str,
        setting(
            "What the names of objects begin with that could not be handled, each with its cause "
            "beside it; not used where objects are remembered",
            min_length=1,
        ),
    ] = "failed/"
    remember_limit: Annotated[
        int,
        setting(
            "Maximum objects to remember; those that are gone make room for others",
            ge=1,
            le=100_000,
        ),
    ] = 10_000

    @property
    def kept_aside(self) -> tuple[str, ...]:
        """What the names of objects begin with that the channel has put there itself."""
        if self.after == "remember":
            return ()
        return (self.failed, self.done) if self.done else (self.failed,)

    def check(self) -> None:
        """Refuse places that are the same, or that hold what is watched; raises `Invalid`."""
        super().check()
        faults: dict[str, str] = {}
        if bool(self.done) != (self.after == "move"):
            faults["done"] = 'belongs to after = "move"'
        for name in ("prefix", "done", "failed"):
            if not is_clean(getattr(self, name)):
                faults[name] = "has control characters"
        for place in ("done", "failed"):
            value = getattr(self, place)
            if value and self.prefix.startswith(value):
                faults[place] = "must be another place than the watched one"
        if self.done and (self.done.startswith(self.failed) or self.failed.startswith(self.done)):
            faults["done"] = "must be another place than failed"
        if faults:
            raise Invalid(faults)
