"""An OpenAPI document as one page of HTML: no script, no request to anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import urlencode

import msgspec

from .answers import PlainData

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 code { font-size: 1.1rem } section { border-top: 1px solid #ccc; margin-top: 2rem }
table { border-collapse: collapse } th, td { text-align: left; padding: .2rem 1rem .2rem 0 }
pre { background: #f4f4f4; padding: .7rem; overflow-x: auto } nav a { margin-right: 1rem }
"""
_COMPONENT = re.compile(r"&quot;#/components/schemas/([A-Za-z0-9._-]+)&quot;")


def render_page(document: PlainData, tags: Iterable[str], tag: str, path: str) -> str:
    """Return the page of a document; `tags` are the choices, `tag` and `path` what was chosen."""
    title = escape(document["info"]["title"])
    chosen = {name: value for name, value in (("tag", tag), ("path", path)) if value}
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{STYLE}</style></head><body>",
        f"<h1>{title}</h1><p>{escape(document['info']['description'])}</p>",
        f"<nav>{_link('', 'everything')}",
        *(_link(urlencode({"tag": name}), name) for name in tags),
        f'<a href="openapi.json{escape(_query(urlencode(chosen)))}">openapi.json</a></nav>',
        *_operations(document["paths"]),
        *_schemas(document["components"]["schemas"]),
        "</body></html>",
    ]
    return "\n".join(parts)


def _query(text: str) -> str:
    return f"?{text}" if text else ""


def _link(query: str, text: str) -> str:
    return f'<a href="{escape(_query(query)) or "?"}">{escape(text)}</a>'


def _operations(paths: PlainData) -> Iterator[str]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            yield f"<section><h2><code>{method.upper()} {escape(path)}</code></h2>"
            yield f"<p>{escape(operation['summary'])}</p>"
            yield from _security(operation)
            yield from _parameters(operation["parameters"])
            body = operation.get("requestBody")
            if body is not None:
                needed = "required" if body["required"] else "may be left out"
                kinds = escape(", ".join(body["content"]))
                yield f"<h3>Body ({needed})</h3><p>{kinds}</p>{_code(_schema_of(body))}"
            answer = operation["responses"]["200"]
            yield f"<h3>Answer</h3>{_code(_schema_of(answer))}</section>"


def _security(operation: PlainData) -> Iterator[str]:
    names = [escape(name) for choice in operation["security"] for name in choice]
    if names:
        yield f"<p>Security: {' or '.join(names)}</p>"


def _parameters(parameters: list[PlainData]) -> Iterator[str]:
    if not parameters:
        return
    yield "<h3>Parameters</h3><table><tr><th>Name<th>In<th>Required<th>Schema</tr>"
    for one in parameters:
        required = "yes" if one["required"] else "no"
        yield (
            f"<tr><td>{escape(one['name'])}<td>{escape(one['in'])}<td>{required}"
            f"<td><code>{_linked(one['schema'], 0)}</code></tr>"
        )
    yield "</table>"


def _schemas(schemas: PlainData) -> Iterator[str]:
    for name, schema in schemas.items():
        yield f'<section id="{escape(name)}"><h2>{escape(name)}</h2>{_code(schema)}</section>'


def _schema_of(holder: PlainData) -> object:
    """Return the schema of a body or an answer, which is the same for all of its media types."""
    described: PlainData = next(iter(holder["content"].values()))
    schema: object = described["schema"]
    return schema


def _code(schema: object) -> str:
    return f"<pre>{_linked(schema, 2)}</pre>"


def _linked(schema: object, indent: int) -> str:
    """Return a schema as JSON, with links to the components that it refers to."""
    raw = msgspec.json.encode(schema)
    text = escape(msgspec.json.format(raw, indent=indent).decode())
    return _COMPONENT.sub(r'<a href="#\1">\g<0></a>', text)
