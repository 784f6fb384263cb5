"""Whether what a module marks as implementations of hooks are some."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType

from ..contract import hookspecs
from ..foundation.errors import did_you_mean

_HOOKS: dict[str, Callable[..., object]] = {
    name: getattr(hookspecs, name) for name in dir(hookspecs) if name.startswith("hansa_")
}


def refuse_faulty_hooks(module: ModuleType) -> None:
    """Raise LookupError for what is marked as a hook and is none, with a suggestion, and TypeError
    for an argument that a hook does not have.
    """
    for name in dir(module):
        implementation = getattr(module, name)
        if not hasattr(implementation, f"{hookspecs.PROJECT}_impl"):
            continue
        if name not in _HOOKS:
            raise LookupError(f"there is no hook {name}{did_you_mean(name, _HOOKS)}")
        offered = list(inspect.signature(_HOOKS[name]).parameters)
        for argument in _arguments(implementation):
            if argument not in offered:
                there = ", ".join(offered) or "none"
                raise TypeError(f"the hook {name} has no argument {argument} (it has: {there})")


def _arguments(implementation: Callable[..., object]) -> list[str]:
    """Return the arguments that a function must be given."""
    return [
        parameter.name
        for parameter in inspect.signature(implementation).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
