"""The rolling restart: one server after the other.

Each is taken out of the load-balancer, restarted, waited for, and put back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import click

from .client import Client
from .failures import Refusal, Unreachable, is_passing
from .plain import JsonObject

POLL = 0.1
"""Seconds between two looks at the cluster."""

RETRY = 15.0
"""Seconds for which a request that nobody could answer is repeated."""

DRAIN = 30.0
"""Seconds that a server gets to answer what it has, before its own grace period begins."""

RETURN = 30.0
"""Seconds that a load-balancer gets to see that a server is back."""


class Stopped(click.ClickException):
    """Why a rolling restart went no further. Exit code 1."""


class RollingRestart:
    """Restarts servers through the admin API, which any of them may answer.

    `say` is called with a line for each step. `limit` is how long a server may take to come back.
    `pause` is the time between two servers where no load-balancer is known, so that one which is
    not Hansa's sees by its own checks that the first is back. Both are in seconds.
    """

    def __init__(
        self, client: Client, say: Callable[[str], None], *, limit: float, pause: float
    ) -> None:
        self.client = client
        self.say = say
        self.limit = limit
        self.pause = pause
        self.balanced: dict[str, JsonObject] | None = None

    def run(self, names: Sequence[str], *, force: bool = False) -> list[JsonObject]:
        """Restart these servers, or all; return name, incarnation and seconds of each.

        Raises `Stopped`, or what the client raises, after every server was put back into the
        load-balancer.
        """
        wanted = self._plan(names, force=force)
        self.balanced = self._balancer_servers()
        if self.balanced is None:
            self.say(
                "no load-balancer is known to the servers: "
                "its own checks must tell it which of them are ready"
            )
        restarted: list[JsonObject] = []
        for name in wanted:
            if restarted and self.balanced is None:
                time.sleep(self.pause)
            restarted.append(self._restart(name))
        return restarted

    def _plan(self, names: Sequence[str], *, force: bool) -> list[str]:
        """Return the servers to restart.

        Raises `Stopped` if one is unknown, or if requests would be lost.
        """
        status = self._ask("admin.cluster.status")
        states = {server["name"]: server["state"] for server in status["servers"]}
        unknown = sorted(set(names) - set(states))
        if unknown:
            raise Stopped(
                f"there is no server {', '.join(unknown)} in this cluster "
                f"(there are: {', '.join(states)})"
            )
        if not force:
            _check_ready(states)
        return list(names or states)

    def _restart(self, name: str) -> JsonObject:
        """Restart one server, taken out of the load-balancer meanwhile."""
        began = time.monotonic()
        drained = False
        try:
            drained = self._drain(name)
            self.say(f"{name}: restarting")
            asked = self._ask("admin.cluster.restart", {"name": name})
            found = self._wait_for_return(name, asked["incarnation"], asked["revision"])
        finally:
            if drained:
                self._put_back(name)
        seconds = round(time.monotonic() - began, 1)
        self.say(
            f"{name}: ready, {found['workers']} workers at revision {found['revision']}, "
            f"after {seconds:g} s"
        )
        return {"name": name, "incarnation": found["incarnation"], "seconds": seconds}

    def _wait_for_return(self, name: str, incarnation: int, revision: int) -> JsonObject:
        """Wait until a later incarnation of a server is ready, and return its status.

        `revision` is that of the change that asked for the restart. Raises `Stopped`.
        """
        last = "it does not answer"
        deadline = time.monotonic() + self.limit
        while time.monotonic() < deadline:
            time.sleep(POLL)
            status = self._try("admin.cluster.status")
            if status is None:
                last = "no server answers"
                continue
            why = _failed_restart(status, name, revision)
            if why is not None:
                raise Stopped(f"{name} goes on as before, since it could not start again: {why}")
            found = _server(status, name)
            if found is None or found["incarnation"] <= incarnation:
                last = "it is not there"
            elif found["state"] == "ready":
                return found
            else:
                last = f"it is {found['state']} ({found['workers']} of {found['wanted']} workers)"
        raise Stopped(
            f"{name} did not come back within {self.limit:g} s: {last}; its logs tell why"
        )

    def _balancer_servers(self) -> dict[str, JsonObject] | None:
        """Return the servers as the load-balancer has them; None where no server controls one."""
        try:
            answer = self._ask("admin.loadbalancer.servers", seconds=1.0)
        except Refusal:
            return None
        return {server["name"]: server for server in answer["items"]}

    def _balancer_server(self, name: str) -> JsonObject:
        """Return one server as the load-balancer has it; an empty object if it does not have it."""
        return (self._balancer_servers() or {}).get(name, {})

    def _drain(self, name: str) -> bool:
        """Have the load-balancer send nothing new to a server, and wait for its answers.

        Return whether that has to be undone.
        """
        server = (self.balanced or {}).get(name)
        if server is None:
            return False
        was_ready = bool(server["state"] == "ready")
        if was_ready:
            self._ask("admin.loadbalancer.drain", {"name": name})
        else:
            self.say(f"{name}: in the state {server['state']} in the load-balancer, and stays so")
        left = self._wait_for_answers(name)
        still = f", still answers {left} requests" if left else ""
        self.say(f"{name}: gets nothing new{still}")
        return was_ready

    def _wait_for_answers(self, name: str) -> int:
        """Wait until a server has answered its requests; return how many are left at the limit."""
        deadline = time.monotonic() + DRAIN
        while True:
            found = self._balancer_server(name)
            left = int(found.get("active", 0)) + int(found.get("queued", 0))
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(POLL)

    def _put_back(self, name: str) -> None:
        """Have the load-balancer send requests to a server again.

        If the server is ready, wait until the load-balancer does so.
        """
        try:
            self._ask("admin.loadbalancer.ready", {"name": name})
        except click.ClickException as error:
            self.say(
                f"{name}: still gets nothing ({error.message}); "
                f"put it back with: hansa loadbalancer ready {name}"
            )
            return
        deadline = time.monotonic() + RETURN
        while time.monotonic() < deadline:
            status = self._try("admin.cluster.status")
            if status is not None:
                found = _server(status, name)
                if found is None or found["state"] != "ready":
                    return  # the load-balancer will see it when it is back
            if str(self._balancer_server(name).get("status")).startswith("UP"):
                return
            time.sleep(POLL)

    def _ask(
        self, service: str, data: JsonObject | None = None, seconds: float = RETRY
    ) -> JsonObject:
        """Call a service; where it fails because a server is just ending, repeat it that long."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.client.call(service, data)
            except (Refusal, Unreachable) as error:
                if not is_passing(error) or time.monotonic() > deadline:
                    raise
            time.sleep(POLL)

    def _try(self, service: str) -> JsonObject | None:
        """Call a service; return None if nobody can answer at this moment."""
        try:
            return self.client.call(service)
        except (Refusal, Unreachable) as error:
            if not is_passing(error):
                raise
            return None


def _check_ready(states: dict[str, str]) -> None:
    """Raise `Stopped` unless all servers are ready and there is more than one."""
    unfit = [f"{name} is {state}" for name, state in states.items() if state != "ready"]
    if unfit:
        raise Stopped(
            f"{', '.join(unfit)}: "
            "nothing is restarted before all servers are ready (or with --force)"
        )
    if len(states) == 1:
        raise Stopped(
            f"{next(iter(states))} is the only server, and nobody would answer while it restarts. "
            "`hansa server reload` replaces its workers and loses nothing; "
            "--force restarts it all the same"
        )


def _server(status: JsonObject, name: str) -> JsonObject | None:
    """Return a server of the cluster's status."""
    servers: list[JsonObject] = status["servers"]
    return next((server for server in servers if server["name"] == name), None)


def _failed_restart(status: JsonObject, name: str, revision: int) -> str | None:
    """Return why a server could not start again, if a worker that knows of the restart says so."""
    informed = {worker["name"] for worker in status["workers"] if worker["revision"] >= revision}
    for each in status["objects"]:
        is_failure = each["kind"] == "server" and each["state"] == "failed"
        if is_failure and each["name"] == name and informed.intersection(each["workers"]):
            return str(each["why"])
    return None
