"""The servers that Hansa is compared with, each started as `python -m bench.peers NAME PORT`: one
endpoint, JSON in, JSON out.

They do less than Hansa: no authentication, no correlation id; falcon and Flask do not check the
message either.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

PATH = "/bench"
SAMPLE: dict[str, Any] = {
    "number": 17,
    "customer": "Hanseatic Trading Company of Novgorod",
    "reference": "2013-09-03/1",
    "urgent": True,
    "price": 1.22,
    "weights": [round(n * 1.5, 1) for n in range(60)],
    "note": "cloth, salt, furs, wax, grain, timber, amber and herring " * 9,
}


def falcon_app() -> Any:
    """falcon with its default JSON."""
    import falcon

    class Echo:
        """Answers with what came."""

        def on_post(self, request: Any, response: Any) -> None:
            """Read and write JSON."""
            found = request.get_media()
            response.media = {
                "number": found["number"],
                "customer": found["customer"],
                "note": found["note"],
            }

    app = falcon.App()
    app.add_route(PATH, Echo())
    return app


def waitress_default(port: int) -> None:
    """falcon on waitress as it comes."""
    import waitress

    waitress.serve(falcon_app(), host="127.0.0.1", port=port, threads=8, _quiet=True)


def waitress_ours(port: int) -> None:
    """falcon on waitress with the channel class and the settings that Hansa uses."""
    import signal
    import socket

    from hansa_http.early import HttpSection
    from hansa_http.gate import Gate
    from hansa_http.listener import Listener

    listening = socket.create_server(("127.0.0.1", port), backlog=1024)
    Listener(falcon_app(), listening, HttpSection(), Gate()).start()
    signal.pause()


def fastapi(port: int) -> None:
    """FastAPI on uvicorn: a `def` handler with a typed body, and two that wait."""
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Order(BaseModel):
        """The body."""

        number: int
        customer: str
        reference: str
        urgent: bool
        price: float
        weights: list[float]
        note: str

    class Answer(BaseModel):
        """The answer."""

        number: int
        customer: str
        note: str

    app = FastAPI()

    def echo(order: Order) -> Answer:
        """Answer with what came."""
        return Answer(number=order.number, customer=order.customer, note=order.note)

    echo.__annotations__ = {"order": Order, "return": Answer}
    app.post(PATH)(echo)

    @app.post("/wait")
    def wait() -> dict[str, str]:
        time.sleep(0.1)
        return {}

    @app.post("/wait/async")
    async def wait_on_a_loop() -> dict[str, str]:
        await asyncio.sleep(0.1)
        return {}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def flask(port: int) -> None:
    """Flask on one gunicorn gthread worker."""
    from flask import Flask, jsonify, request
    from gunicorn.app.base import BaseApplication

    app = Flask("peer")

    @app.post(PATH)
    def echo() -> Any:
        found = request.get_json()
        return jsonify(number=found["number"], customer=found["customer"], note=found["note"])

    class Gunicorn(BaseApplication):
        """gunicorn without a command line."""

        def load_config(self) -> None:
            """One worker with threads."""
            for key, value in {
                "bind": f"127.0.0.1:{port}",
                "worker_class": "gthread",
                "workers": 1,
                "threads": 8,
            }.items():
                self.cfg.set(key, value)

        def load(self) -> Any:
            """The application."""
            return app

    Gunicorn().run()


PEERS: dict[str, Callable[[int], None]] = {
    "falcon, default waitress": waitress_default,
    "falcon, same waitress": waitress_ours,
    "FastAPI def, uvicorn": fastapi,
    "Flask, gunicorn gthread": flask,
}

if __name__ == "__main__":
    PEERS[sys.argv[1]](int(sys.argv[2]))
