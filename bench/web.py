"""The web admin: what browsers load, what its pages cost, and what open dashboards cost, with
10,000 definitions, 2,000 services and 100,000 failed messages.

`python -m bench web` measures.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
from hansa_devkit.harness.ports import free_port
from hansa_web.pages import PAGES
from hansa_web.rendering import static

from . import measure
from .measure import Figure, several
from .web_site import OwnTimes, Site, milliseconds, percentile, site

VIEWS = 30
"""Views of a page that a percentile is taken of."""
DASHBOARDS = 20
OPEN_SECONDS = 60.0
MANY_PAGES = 10_000
LISTS = ("/channels", "/services", "/failed", "/problems", "/changes", "/find?q=bench-77")
"""Pages that grow with what there is."""
FORMS = ("/channel/http/new", "/channel/schedule/new", "/outgoing/http/new", "/security/jwt/new")
FILES = {"web.css": (28.0, 7.0), "web.js": (14.0, 5.0), "icon.svg": (8.0, 3.0)}
"""The most kilobytes of each file, and of the same compressed."""
_ASSET = re.compile(r'(?:src|href)="(/static/[^"]+)"')


def kilobytes(content: bytes) -> float:
    """Size of what is sent."""
    return len(content) / 1000


def compressed(content: bytes) -> float:
    """Size of what is sent, compressed."""
    return kilobytes(gzip.compress(content, 9, mtime=0))


def once(name: str, value: float, bound: float, note: str) -> Figure:
    """A figure that is the same each time."""
    return several(name, lambda: value, count=1, bound=bound, note=note)


def sizes(big: Site) -> Iterator[Figure]:
    """What browsers load."""
    for name, (plain, small) in FILES.items():
        yield once(f"web admin: {name}", kilobytes(static(name)), plain, "KB")
        yield once(f"web admin: {name}, compressed", compressed(static(name)), small, "KB")
    found = {path: big.get(path).content for path in LISTS}
    largest = max(found, key=lambda path: len(found[path]))
    page = found[largest]
    yield once(f"web admin: largest page of 50 rows ({largest})", kilobytes(page), 60, "KB")
    yield once("web admin: the same compressed", compressed(page), 9, "KB")
    assets = set(_ASSET.findall(page.decode()))
    yield once("web admin: requests of a first visit", 1 + len(assets), 5, "requests")
    calls = {page.path: big.calls(page.path) for page in PAGES if page.group}
    most = max(calls, key=lambda path: calls[path])
    yield once(f"web admin: most admin calls of a page ({most or '/'})", calls[most], 4, "calls")


def own_time(big: Site) -> Iterator[Figure]:
    """How long pages take without the time of the API."""
    own = OwnTimes(big)
    listed = [page.path for page in PAGES if page.group and page.path != "/map"]
    for name, paths, bound in (
        ("lists and forms", [*listed, *FORMS], 25.0),
        ("the map", [page.path for page in PAGES if page.path == "/map"], 60.0),
        ("a source of 2,800 lines again", [f"/services/{big.service}/source"], 300.0),
    ):
        seen = {path: own.percentile(path, VIEWS) for path in paths}
        if seen:
            slowest = max(seen, key=lambda path: seen[path])
            words = f"web admin alone, p95 of {name} (slowest: {slowest or '/'})"
            yield once(words, seen[slowest], bound, "ms")
    yield once("web admin alone: first view of that source", own.first_source, 300.0, "ms")


def views(small: Site, big: Site) -> Iterator[Figure]:
    """How long whole pages take, and live parts that have not changed."""
    for words, one, bound in (("", small, 300.0), (" with 10,000 definitions", big, 600.0)):
        yield several(
            f"web admin: first page after the login, p95{words}",
            partial(_after_login, one),
            count=3,
            bound=bound,
            note="ms",
        )
    for path in LISTS:
        yield several(
            f"web admin: {path} among 10,000 definitions, 2,000 services, 100,000 failed, p95",
            partial(_whole, big, path),
            count=3,
            bound=600.0,
            note="ms",
        )
    listed = partial(_listed, big)
    name = "admin.definition.list of 50 among 10,000, p95"
    yield several(name, listed, count=3, bound=100.0, note="ms")
    unchanged = partial(_unchanged, small)
    name = "web admin: the dashboard, unchanged within a second (304), p50"
    yield several(name, unchanged, count=3, bound=3.0, note="ms")


def _after_login(one: Site) -> float:
    taken = []
    for _ in range(VIEWS // 3):
        one.log_in()
        taken.append(milliseconds(lambda: one.get("")))
    return percentile(taken)


def _whole(one: Site, path: str) -> float:
    assert one.get(path).status_code == 200, path
    return percentile([milliseconds(lambda: one.get(path)) for _ in range(VIEWS)])


def _listed(one: Site) -> float:
    asked = {"limit": 50, "offset": 5000, "builtin": False, "users": True}
    call = partial(one.server.api, "admin.definition.list", asked)
    call()
    return percentile([milliseconds(call) for _ in range(VIEWS)])


def _unchanged(one: Site) -> float:
    """Milliseconds of a poll that is answered with 304, within a second of the one before."""
    headers = {"X-Live": "1"}
    one.get("", headers)
    headers["If-None-Match"] = one.get("", headers).headers["ETag"]

    def poll() -> None:
        assert one.get("", headers).status_code == 304

    return percentile([milliseconds(poll) for _ in range(VIEWS)], 50)


def dashboards(small: Site) -> Iterator[Figure]:
    """The CPU time that open dashboards take."""
    seconds = OPEN_SECONDS if measure.AT_MOST > VIEWS else 10.0
    stopped = threading.Event()

    def look(number: int) -> None:
        headers = {"X-Live": "1"}
        stopped.wait(3.0 * number / DASHBOARDS)
        while not stopped.wait(3.0):
            answer = small.get("", headers)
            assert answer.status_code in (200, 304)
            headers["If-None-Match"] = answer.headers.get("ETag", headers.get("If-None-Match", ""))

    servers = small.servers()
    idle = _used(servers)
    stopped.wait(seconds)
    idle = _used(servers) - idle
    web_before = _used([small.process()])
    servers_before = _used(servers)
    with ThreadPoolExecutor(DASHBOARDS) as pool:
        looking = [pool.submit(look, number) for number in range(DASHBOARDS)]
        try:
            stopped.wait(seconds)
            web_used = _used([small.process()]) - web_before
            servers_used = _used(servers) - servers_before - idle
        finally:
            stopped.set()
    for one in looking:
        one.result()  # a dashboard that could not be looked at costs nothing
    words = f"{DASHBOARDS} open dashboards of one login"
    note = "% of one core"
    yield once(f"{words}: CPU of the web admin", web_used / seconds * 100, 3.0, note)
    yield once(f"{words}: CPU of the server, more", servers_used / seconds * 100, 1.0, note)


def _used(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(one.user + one.system for one in times)


def process(small: Site, folder: Path) -> Iterator[Figure]:
    """Memory and start of the process."""
    resident = small.process().memory_info().rss / 2**20
    yield once("web admin: resident memory", resident, 60.0, "MiB")
    shown = [page.path for page in PAGES if page.group]
    for number in range(min(MANY_PAGES, measure.AT_MOST * 100)):
        small.get(shown[number % len(shown)])
    resident = small.process().memory_info().rss / 2**20
    yield once("web admin: resident memory after 10,000 pages", resident, 90.0, "MiB")
    start = partial(_start, small, folder)
    yield several("web admin: start until the login answers", start, count=5, bound=1.0, note="s")


def _start(small: Site, folder: Path) -> float:
    address = f"127.0.0.1:{free_port()}"
    config = folder / "web.toml"
    config.write_text(f'[web]\naddress = "{address}"\n')
    options = ["--config", str(config), "--dir", str(small.server.folder / "var")]
    began = time.monotonic()
    started = subprocess.Popen(
        [sys.executable, "-m", "hansa", "web", "run", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        small.wait_for(f"http://{address}/login")
        return time.monotonic() - began
    finally:
        started.terminate()
        started.wait(20)


def web(folder: Path) -> Iterator[Figure]:
    """The budgets of the web admin: bytes, calls, milliseconds, memory."""
    folder.mkdir()
    with site(folder / "small", full=False) as small, site(folder / "big", full=True) as big:
        yield from sizes(big)
        yield from own_time(big)
        yield from views(small, big)
        yield from dashboards(small)
        yield from process(small, folder)
