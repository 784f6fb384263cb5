"""The report as a page that can be passed on: no scripts, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import groupby
from typing import Final

from .lines import Line, Report, worst

_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin-bottom:1.5rem}"
    "th,td{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;"
    "border-bottom:1px solid #ddd}"
    ".missing{color:#a40000}.differs{color:#8a5a00}.runs{color:#1c6b1c}"
    "code{font-family:ui-monospace,monospace}"
    "@media(prefers-color-scheme:dark){body{background:#16181b;color:#e4e4e4}"
    "th,td{border-color:#444}.missing{color:#ff8b8b}.differs{color:#ecc274}.runs{color:#8fd68f}}"
)


def page(report: Report, *, everything: bool = False) -> str:
    """Return the report as HTML: what is missing and what differs, by file; what runs, if all is asked
    for.
    """
    shown = [line for line in report.lines if everything or line.status != "runs"]
    counts = report.counts()
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width">',
        f"<title>Moving {escape(report.folder)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Moving {escape(report.folder)}</h1>",
        f"<p>{report.services} services in {report.sources} sources, {report.objects} objects in "
        f"{report.files} files of enmasse, {report.settings} settings: "
        f"{', '.join(f'{number} × {status}' for status, number in counts.items())}.</p>",
        *_files(shown),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _files(lines: list[Line]) -> Iterator[str]:
    if not lines:
        yield '<p class="runs">Everything that was found runs.</p>'
    for file, found in groupby(lines, key=lambda line: line.file):
        of_file = list(found)
        yield f'<h2 class="{worst(of_file)}"><code>{escape(file)}</code></h2>'
        yield "<table><tr><th>Line</th><th></th><th>What</th><th>Why</th><th>Instead</th></tr>"
        yield from (_row(line) for line in of_file)
        yield "</table>"


def _row(line: Line) -> str:
    cells = (
        f"<td>{line.line or ''}</td>",
        f'<td class="{line.status}">{line.status}</td>',
        f"<td><code>{escape(line.subject)}</code></td>",
        f"<td>{escape(line.why)}</td>",
        f"<td>{escape(line.instead)}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"
