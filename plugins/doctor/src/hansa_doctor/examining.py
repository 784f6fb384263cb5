"""Carries out all examinations of the servers of a place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from hansa import Examination, ExaminedServer, HansaError, early_hooks
from hansa_quickstart.failure import Failure
from hansa_quickstart.place import Place

from .subject import examined


@dataclass(frozen=True)
class Result:
    """What one examination of a server found."""

    server: str
    examination: str
    level: Literal["ok", "warning", "fault"]
    text: str
    remedy: str


def examinations() -> list[Examination]:
    """Return the examinations of all plugins that are installed, by their names."""
    found = [one for own in early_hooks().hansa_examinations() for one in own]
    return list({one.name: one for one in found}.values())


def examine_place(place: Place) -> Iterator[Result]:
    """Yield all that is found, one server after the other; what several servers share is said once."""
    told: set[tuple[str, str]] = set()
    for component in place.servers:
        for examination in examinations():
            for result in _examine(component.folder.name, examination, examined(component)):
                if (result.examination, result.text) not in told:
                    told.add((result.examination, result.text))
                    yield result


def _examine(name: str, examination: Examination, server: ExaminedServer) -> Iterator[Result]:
    try:
        for one in examination.examine(server):
            yield Result(name, examination.name, one.level, one.text, one.remedy)
    except (Failure, HansaError) as error:
        remedy = "correct what the message names"
        yield Result(name, examination.name, "fault", str(error), remedy)
    except Exception as error:
        remedy = "report it to the author of the plugin with hansa support-bundle"
        text = f"the examination failed: {type(error).__name__}: {error}"
        yield Result(name, examination.name, "fault", text, remedy)
