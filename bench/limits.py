"""Rates: what a limit that each worker keeps by itself costs a request, and one of the cluster.

`python -m bench limits` measures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hansa_devkit.harness.api_server import RunningServer

from tools.project import TOP

from .measure import Figure, compare
from .programs import measured

CONFIG = """
[services]
files = {files}

[channel.http.measure]
url_path = "/measure"
service = "inside.measure"
format = "json"

[channel.http.plain]
url_path = "/plain"
service = "orders.echo"
format = "json"

[channel.http.silent]
url_path = "/silent"
service = "orders.echo"
format = "json"
limits = {{ rate = "10000/s", burst = 1000000, rate_scope = "worker" }}

[channel.http.told]
url_path = "/told"
service = "orders.echo"
format = "json"
limits = {{ rate = "10000/s", burst = 1000000, rate_scope = "worker", rate_headers = true }}

[channel.http.cluster]
url_path = "/cluster"
service = "orders.echo"
format = "json"
limits = {{ rate = "10000/s", burst = 1000000 }}
"""
FIGURES = {
    "/silent": ("in process: a rate of each worker / no rate", 1.05),
    "/told": ("in process: a rate of each worker, with RateLimit headers / no rate", None),
    "/cluster": ("in process: a rate of the cluster, one round trip to Valkey / no rate", None),
}


def limits(folder: Path) -> Iterator[Figure]:
    """The cost of a rate, in process."""
    files = [str(TOP / "bench/orders.py"), str(TOP / "bench/inside.py")]
    config = CONFIG.format(files=json.dumps(files))
    server = RunningServer(folder / "server", config, workers=1, env={"PYTHONPATH": str(TOP)})
    server.start()
    try:
        for path, (name, bound) in FIGURES.items():
            yield compare(
                name,
                partial(measured, server, "hansa", path=path),
                partial(measured, server, "hansa", path="/plain"),
                pairs=25,
                bound=bound,
                note="µs of CPU",
            )
    finally:
        server.stop()
