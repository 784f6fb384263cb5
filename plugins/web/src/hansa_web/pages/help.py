"""Keys and words of the web admin, and where the reference of the installed version is."""

from __future__ import annotations

from ..language.texts import gettext_noop
from ..page import Context, Page
from ..visit import Visit

KEYS = (
    ("/ or Ctrl-K", gettext_noop("go to the box that finds anything")),
    ("g d", gettext_noop("dashboard")),
    ("g m", gettext_noop("map")),
    ("g f", gettext_noop("failed messages")),
    ("g s", gettext_noop("services")),
    ("g c", gettext_noop("channels")),
    ("g o", gettext_noop("outgoing connections")),
    ("g l", gettext_noop("logs")),
    ("j, k", gettext_noop("the next row of a list, or the one before; Enter opens it")),
    ("x", gettext_noop("select the row")),
    ("?", gettext_noop("this page")),
)
"""What keys do, outside of fields."""
SHAPES = (
    ("running", gettext_noop("it does its work")),
    ("starting", gettext_noop("it begins to, or follows a change")),
    ("retrying", gettext_noop("it cannot, and tries again")),
    ("failed", gettext_noop("it cannot, and will not by itself")),
    ("inactive", gettext_noop("it is switched off")),
    ("elsewhere", gettext_noop("another worker or server does it")),
    ("unknown", gettext_noop("who would know did not answer")),
)
WORDS = (
    (gettext_noop("channel"), gettext_noop("how messages come in: it hands each to a service")),
    (gettext_noop("service"), gettext_noop("a class of Python that handles messages")),
    (gettext_noop("outgoing connection"), gettext_noop("how services reach others")),
    (
        gettext_noop("security definition"),
        gettext_noop("credentials and keys, of callers and for calls"),
    ),
    (
        gettext_noop("definition"),
        gettext_noop(
            "a channel, an outgoing connection or a security definition, by type and name"
        ),
    ),
    (
        gettext_noop("revision"),
        gettext_noop("the number of a change; every worker says which it has applied"),
    ),
    (gettext_noop("worker"), gettext_noop("a process of a server that handles messages")),
    ("cid", gettext_noop("the correlation id by which a message is found on all servers")),
    (
        gettext_noop("failed message"),
        gettext_noop("a message of an asynchronous call that ran out of attempts"),
    ),
    (
        gettext_noop("drain"),
        gettext_noop("to take a server from the load-balancer once its requests are done"),
    ),
)


def show(visit: Visit) -> Context:
    """Return keys, shapes and words."""
    return {"keys": KEYS, "shapes": SHAPES, "words_of_it": WORDS}


PAGES = (Page(path="/help", title=gettext_noop("Help"), template="help.html", calls=0, show=show),)
