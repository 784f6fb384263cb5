"""Texts that pages make of words of the API, such as the names of actions: `gettext` of the word."""

from __future__ import annotations

from .texts import gettext_noop

DERIVED = (
    gettext_noop("Ping"),
    gettext_noop("Run"),
    gettext_noop("Release"),
    gettext_noop("Test"),
    gettext_noop("Switch on"),
    gettext_noop("Switch off"),
    gettext_noop("Delete"),
    gettext_noop("Ready"),
    gettext_noop("Drain"),
    gettext_noop("Maint"),
    gettext_noop("Overview"),
    gettext_noop("Source"),
    gettext_noop("Invoke"),
    gettext_noop("Samples"),
    gettext_noop("Slow"),
    gettext_noop("Request"),
    gettext_noop("Answer"),
    gettext_noop("count"),
    gettext_noop("errors"),
    gettext_noop("mean"),
    gettext_noop("system"),
    gettext_noop("light"),
    gettext_noop("dark"),
    gettext_noop("comfortable"),
    gettext_noop("compact"),
)
