"""The hook by which other plugins add pages to the web admin."""

from __future__ import annotations

import pluggy

from .page import Page

GROUP = "hansa.web"
"""The entry points of modules with this hook, which only the web admin imports."""
hookspec = pluggy.HookspecMarker("hansa")


@hookspec
def hansa_pages() -> list[Page]:
    """Return pages of a cluster. Their templates are in the folder `templates` of the plugin's
    package, are named `PACKAGE:FILE`, and extend `base.html`; no page has a script.
    """
    raise NotImplementedError
