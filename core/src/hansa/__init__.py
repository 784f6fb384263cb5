"""Hansa: an integration server whose every protocol, format and mechanism is a plugin. This root is the public contract."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Give a name of the contract: what the modules that `__init__.pyi` lists declare public.

    PERF: all are imported with the first, so that the program begins without them.
    """
    from importlib import import_module

    with open(f"{__file__}i") as stub:
        modules = [import_module(line.split()[1], __name__) for line in stub if line.startswith("from ")]
    given = {public: getattr(module, public) for module in modules for public in module.__all__}
    globals().update(given, __all__=list(given))
    if name not in globals():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals()[name]
