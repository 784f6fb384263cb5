"""Keys and words of the web admin, and where the reference of the installed version is."""

from __future__ import annotations

from ..page import Context, Page
from ..visit import Visit

KEYS = (
    ("/ or Ctrl-K", "go to the box that finds anything"),
    ("g d", "dashboard"),
    ("g m", "map"),
    ("g f", "failed messages"),
    ("g s", "services"),
    ("g c", "channels"),
    ("g o", "outgoing connections"),
    ("g l", "logs"),
    ("j, k", "the next row of a list, or the one before; Enter opens it"),
    ("x", "select the row"),
    ("?", "this page"),
)
"""What keys do, outside of fields."""
SHAPES = (
    ("running", "it does its work"),
    ("starting", "it begins to, or follows a change"),
    ("retrying", "it cannot, and tries again"),
    ("failed", "it cannot, and will not by itself"),
    ("inactive", "it is switched off"),
    ("elsewhere", "another worker or server does it"),
    ("unknown", "who would know did not answer"),
)
WORDS = (
    ("channel", "how messages come in: it hands each to a service"),
    ("service", "a class of Python that handles messages"),
    ("outgoing connection", "how services reach others"),
    ("security definition", "credentials and keys, of callers and for calls"),
    ("definition", "a channel, an outgoing connection or a security definition, by type and name"),
    ("revision", "the number of a change; every worker says which it has applied"),
    ("worker", "a process of a server that handles messages"),
    ("cid", "the correlation id by which a message is found on all servers"),
    ("failed message", "a message of an asynchronous call that ran out of attempts"),
    ("drain", "to take a server from the load-balancer once its requests are done"),
)


def show(visit: Visit) -> Context:
    """Return keys, shapes and words."""
    return {"keys": KEYS, "shapes": SHAPES, "words_of_it": WORDS}


PAGES = (Page(path="/help", title="Help", template="help.html", calls=0, show=show),)
