"""A trial of a configuration: a server asks for it through the run folder, and the load-balancer, which
has the program, the rights and the limits that count, has HAProxy judge it. Nothing is changed by it.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from hansa import Unavailable, replace_file

ASKED = "trial.json"
JUDGED = "trial-result.json"
WAIT = 30.0
"""Seconds that the load-balancer gets to judge."""


@dataclass(frozen=True)
class Trial:
    """What is to be judged: the text of a config.toml, and a template instead of the one that it
    names.
    """

    id: str
    stored: str
    template: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The faults by setting, none if HAProxy would take it; then `how` it would come into force: live,
    by a reload, or empty if nothing changes; and what HAProxy would be given.
    """

    id: str
    faults: dict[str, str]
    how: str = ""
    generated: str = ""


def ask(folder: Path, stored: str, template: str | None) -> Verdict:
    """Have the load-balancer of a run folder judge a configuration; one at a time may ask.

    Raises `Unavailable` if it does not do so in time.
    """
    trial = Trial(uuid4().hex, stored, template)
    replace_file(folder / ASKED, json.dumps(asdict(trial)))
    try:
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            verdict = _verdict(folder)
            if verdict is not None and verdict.id == trial.id:
                return verdict
            time.sleep(0.02)
    finally:
        (folder / ASKED).unlink(missing_ok=True)
        (folder / JUDGED).unlink(missing_ok=True)
    raise Unavailable(
        f"the load-balancer has not judged the configuration within {WAIT:g} s", retry_after=10
    )


def _verdict(folder: Path) -> Verdict | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Verdict(**json.loads((folder / JUDGED).read_text()))
    return None


def taken(folder: Path) -> Trial | None:
    """Return what is asked for in a run folder, and take it away; None if nothing is."""
    file = folder / ASKED
    try:
        text = file.read_text()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    file.unlink(missing_ok=True)
    with contextlib.suppress(ValueError, TypeError):
        return Trial(**json.loads(text))
    return None


def answer(folder: Path, verdict: Verdict) -> None:
    """Say what became of a trial."""
    replace_file(folder / JUDGED, json.dumps(asdict(verdict)))


def clean(folder: Path) -> None:
    """Remove what a trial has left behind."""
    for name in (ASKED, JUDGED):
        (folder / name).unlink(missing_ok=True)
