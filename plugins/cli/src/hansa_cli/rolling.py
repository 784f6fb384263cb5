"""The rolling restart: one server after the other, taken out of the load-balancer, restarted, waited for, and put back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from .client import Client, Refusal, Unreachable

LOOK = 0.1  # seconds between looks
ASK = 15.0  # seconds for which a question is asked again that nobody could answer
DRAIN = 30.0  # seconds that a server gets to answer what it has, before it is asked to end; then it gets its own grace
SEEN = 30.0  # seconds that a load-balancer gets to see that a server is there again


class Stopped(click.ClickException):
    """Why a rolling restart went no further; exit code 1."""


class Rolling:
    """Restarts servers through the admin API, which any of them may answer; `say` takes each step.

    `limit` is how long a server may take to come back, `pause` the time between two servers where no load-balancer is known,
    so that one which is not Hansa's sees by its own checks that the first is there again; all in seconds.
    """

    def __init__(
        self, client: Client, say: Callable[[str], None], *, limit: float, pause: float
    ) -> None:
        self.client, self.say, self.limit, self.pause = client, say, limit, pause
        self.balanced: dict[str, dict[str, Any]] | None = None

    def run(self, names: tuple[str, ...], *, force: bool = False) -> list[dict[str, Any]]:
        """Restart these servers, or all; gives what came of each. Raises `Stopped`, with every server put back before."""
        wanted = self._plan(names, force=force)
        self.balanced = self._balancer_servers()
        if self.balanced is None:
            self.say(
                "no load-balancer is known to the servers: its own checks must tell it which of them are ready"
            )
        done = []
        for number, name in enumerate(wanted):
            if number and self.balanced is None:
                time.sleep(self.pause)
            began = time.monotonic()
            found = self._one(name)
            seconds = round(time.monotonic() - began, 1)
            self.say(
                f"{name}: ready, {found['workers']} workers at revision {found['revision']}, after {seconds:g} s"
            )
            done.append({"name": name, "incarnation": found["incarnation"], "seconds": seconds})
        return done

    def _plan(self, names: tuple[str, ...], *, force: bool) -> list[str]:
        servers = {
            server["name"]: server for server in self._ask("admin.cluster.status")["servers"]
        }
        unknown = sorted(set(names) - set(servers))
        if unknown:
            raise Stopped(
                f"there is no server {', '.join(unknown)} in this cluster (there are: {', '.join(servers)})"
            )
        if force:
            return list(names or servers)
        unfit = [
            f"{name} is {server['state']}"
            for name, server in servers.items()
            if server["state"] != "ready"
        ]
        if unfit:
            raise Stopped(
                f"{', '.join(unfit)}: nothing is restarted before all servers are ready (or with --force)"
            )
        if len(servers) == 1:
            raise Stopped(
                f"{next(iter(servers))} is the only server, and nobody would answer while it restarts. `hansa server "
                "reload` replaces its workers and loses nothing; --force restarts it all the same"
            )
        return list(names or servers)

    def _one(self, name: str) -> dict[str, Any]:
        drained = False
        try:
            drained = self._drain(name)
            self.say(f"{name}: restarting")
            asked = self._ask("admin.cluster.restart", {"name": name})
            return self._back(name, asked["incarnation"], asked["revision"])
        finally:
            if drained:
                self._put_back(name)

    # -- the server --------------------------------------------------------------------------------------------------

    def _back(self, name: str, before: int, revision: int) -> dict[str, Any]:
        """Wait until the server's next run is ready and in step with the others."""
        deadline, last = time.monotonic() + self.limit, "it does not answer"
        while time.monotonic() < deadline:
            time.sleep(LOOK)
            status = self._try("admin.cluster.status")
            if status is None:
                last = "no server answers"
                continue
            informed = {
                worker["name"] for worker in status["workers"] if worker["revision"] >= revision
            }
            for found in status["objects"]:
                refused = (found["kind"], found["name"], found["state"]) == (
                    "server",
                    name,
                    "failed",
                )
                if refused and informed.intersection(found["workers"]):
                    raise Stopped(
                        f"{name} goes on as before, since it could not start again: {found['why']}"
                    )
            found = next((server for server in status["servers"] if server["name"] == name), None)
            if found is None or found["incarnation"] <= before:
                last = "it is not there"
            elif found["state"] == "ready":
                return dict(found)
            else:
                last = f"it is {found['state']} ({found['workers']} of {found['wanted']} workers)"
        raise Stopped(
            f"{name} did not come back within {self.limit:g} s: {last}; its logs tell why"
        )

    # -- the load-balancer -------------------------------------------------------------------------------------------

    def _balancer_servers(self) -> dict[str, dict[str, Any]] | None:
        """The servers as the load-balancer has them; None where none of them controls one."""
        try:
            answer = self._ask("admin.loadbalancer.servers", seconds=1.0)
        except Refusal:
            return None
        return {server["name"]: server for server in answer["items"]}

    def _drain(self, name: str) -> bool:
        """Have the load-balancer hand the server nothing new, and wait for its answers; whether that has to be undone."""
        server = (self.balanced or {}).get(name)
        if server is None:
            return False
        drained = bool(server["state"] == "ready")
        if drained:
            self._ask("admin.loadbalancer.drain", {"name": name})
        else:
            self.say(f"{name}: in the state {server['state']} in the load-balancer, and stays so")
        left = -1
        deadline = time.monotonic() + DRAIN
        while left and time.monotonic() < deadline:
            found = (self._balancer_servers() or {}).get(name, {})
            left = found.get("active", 0) + found.get("queued", 0)
            if left:
                time.sleep(LOOK)
        self.say(f"{name}: gets nothing new" + (f", still answers {left} requests" if left else ""))
        return drained

    def _put_back(self, name: str) -> None:
        """Have the load-balancer hand the server requests again, and wait until it does if the server is there."""
        try:
            self._ask("admin.loadbalancer.ready", {"name": name})
        except click.ClickException as error:
            self.say(
                f"{name}: still gets nothing ({error.message}); put it back with: hansa loadbalancer ready {name}"
            )
            return
        deadline = time.monotonic() + SEEN
        while time.monotonic() < deadline:
            status = self._try("admin.cluster.status")
            if status and not any(
                s["name"] == name and s["state"] == "ready" for s in status["servers"]
            ):
                return  # it will be handed requests when it is back
            if str((self._balancer_servers() or {}).get(name, {}).get("status")).startswith("UP"):
                return
            time.sleep(LOOK)

    # -- questions ---------------------------------------------------------------------------------------------------

    def _ask(self, service: str, data: dict[str, Any] | None = None, seconds: float = ASK) -> Any:
        """The answer, asked for again for a while when it was a server that ends just now, or one that knows less."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.client.call(service, data)
            except (Refusal, Unreachable) as error:
                if not _passing(error) or time.monotonic() > deadline:
                    raise
                time.sleep(LOOK)

    def _try(self, service: str) -> Any:
        """The answer, None if there is none at this moment."""
        try:
            return self.client.call(service)
        except (Refusal, Unreachable) as error:
            if not _passing(error):
                raise
            return None


def _passing(error: Refusal | Unreachable) -> bool:
    """Whether it may be gone in a moment: nobody there, or an answer such as a load-balancer gives then."""
    return isinstance(error, Unreachable) or error.problem.get("status") in (502, 503, 504)
