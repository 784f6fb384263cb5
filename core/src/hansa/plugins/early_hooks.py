"""The hooks of early modules, for commands that ask all plugins something."""

from __future__ import annotations

import pluggy

from .discovery import Plugins
from .installed import EARLY
from .registry import Registry


def early_hooks() -> pluggy.HookRelay:
    """Return the hooks of the early modules of what is installed, to be called by name and with
    keywords: `early_hooks().hansa_transient_keys()` is a list with what each plugin returns.

    It is for commands, which have imported these modules already. A plugin that cannot be loaded is
    left out.
    """
    plugins = Plugins(Registry(), (EARLY,))
    plugins.load()
    return plugins.hook
