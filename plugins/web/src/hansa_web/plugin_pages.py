"""The pages that other plugins add by the hook `hansa_pages`: those that are faulty are left out, and
the log says why.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from itertools import chain

import pluggy
from falcon.routing import CompiledRouter
from jinja2 import TemplateError, nodes

from . import hookspecs
from .language.catalogues import add_texts_of
from .page import GROUPS, Page
from .pages import PAGES
from .rendering import environment

log = logging.getLogger("hansa.web")
_PATH = re.compile(r"(?:/(?:[a-z0-9-]+|\{[a-z_]+\}))+")
_TRANSLATING = {"_": 1, "gettext": 1, "ngettext": 2}
"""What translates in templates, and how many texts each takes."""
_SCRIPT = re.compile(r"<script|\son[a-z]+\s*=|javascript:", re.IGNORECASE)


def plugin_pages() -> list[Page]:
    """Return the pages of all installed plugins that have some."""
    found: list[Page] = []
    for point in sorted(entry_points(group=hookspecs.GROUP), key=lambda one: one.name):
        for page in _pages_of(point):
            fault = fault_of(page, chain(PAGES, found))
            if fault:
                log.error("plugin %s: the page %r is left out: %s", point.name, page, fault)
            else:
                found.append(page)
                package, _, file = page.template.partition(":")
                if file:
                    add_texts_of(package)
    return found


def _pages_of(point: EntryPoint) -> list[Page]:
    """Return the pages of one plugin; none if it cannot be imported, or its hook fails."""
    manager = pluggy.PluginManager("hansa")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(point.load())
        manager.check_pending()
        return [page for pages in manager.hook.hansa_pages() for page in pages]
    except Exception:
        log.exception("plugin %s: its pages cannot be loaded", point.name)
        return []


def fault_of(page: object, others: Iterable[Page]) -> str:
    """Return what is wrong with a page of a plugin; empty if nothing is."""
    if not isinstance(page, Page):
        return "it is no hansa_web.page.Page"
    if not _PATH.fullmatch(page.path):
        return f"{page.path!r} is not a path such as /orders or /orders/{{name}}"
    known = list(others)
    if any(_shape(page.path) == _shape(other.path) for other in known):
        return f"another page has the path {page.path}"
    router = CompiledRouter()
    try:
        for one in (*known, page):
            router.add_route(one.route, one)
    except ValueError as error:
        return f"the path {page.path} cannot be used: {error}"
    if page.group not in (*GROUPS, ""):
        return f"there is no group {page.group!r}; there are: {', '.join(GROUPS)}"
    return _template_fault(page.template)


def _shape(path: str) -> str:
    """Return a path with all its variable parts alike."""
    return re.sub(r"\{\w+\}", "{}", path)


def _template_fault(template: str) -> str:
    try:
        loader = environment().loader
        assert loader is not None
        source, _, _ = loader.get_source(environment(), template)
        environment().get_template(template)
        fault = unescaped(source)
    except (TemplateError, ValueError, ImportError) as error:
        return f"its template {template} cannot be used: {error or type(error).__name__}"
    if _SCRIPT.search(source):
        return f"its template {template} has a script, which no page may have"
    return f"its template {template} {fault}" if fault else ""


def unescaped(source: str) -> str:
    """Return what in a template would not be escaped; empty if nothing: `_` takes for HTML what it
    translates.
    """
    for call in environment().parse(source).find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name) or call.node.name not in _TRANSLATING:
            continue
        if not all(
            isinstance(one, nodes.Const) for one in call.args[: _TRANSLATING[call.node.name]]
        ):
            return f"has a value in _() in line {call.lineno}; translated() is for one"
    return ""
