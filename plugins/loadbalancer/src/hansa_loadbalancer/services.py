"""The admin services of the load-balancer, `admin.loadbalancer.*`, in any server whose
configuration names its socket.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from hansa import Model, setting
from hansa_admin.operation import Operation

from .control import COMMANDS
from .operation import How, LoadBalancerOperation
from .settings import BalancedServer, State
from .source_services import OPERATIONS as EDITING


class ServerName(Model):
    """A server, by name."""

    name: Annotated[str, setting("Name of the server", min_length=1, example="server1")]


class ServerWeight(ServerName):
    """A server and its weight."""

    weight: Annotated[
        int, setting("Share of the requests, in relation to the others'", ge=1, le=256)
    ]


class Changed(Model):
    """The result of a change; it is stored, and survives reloads and restarts."""

    name: Annotated[str, setting("Name of the server")]
    how: How


class ServerState(BalancedServer):
    """A server as configured, and as HAProxy sees it."""

    status: Annotated[str, setting("UP, DOWN, DRAIN, MAINT, or a transition between them")]
    check_result: Annotated[str, setting("Result of the last check")]
    seconds: Annotated[int, setting("Seconds in this status")]
    active: Annotated[int, setting("Requests being answered")]
    queued: Annotated[int, setting("Requests waiting for it")]
    requests: Annotated[int, setting("Requests since HAProxy was started or reloaded")]
    failed: Annotated[int, setting("Number of those that got no connection or no answer")]


class Servers(Model):
    """The servers behind the load-balancer."""

    items: Annotated[list[ServerState], setting("The servers, in the order of the configuration")]
    total: Annotated[int, setting("Number of servers")]


class Statistics(Model):
    """HAProxy's statistics."""

    info: Annotated[dict[str, str], setting("Its process, as `show info` names it")]
    items: Annotated[
        list[dict[str, int | str]],
        setting("One for each frontend, server and backend, as `show stat` names it"),
    ]


class Command(Model):
    """A command for HAProxy."""

    command: Annotated[
        str, setting(f"One of: {', '.join(COMMANDS)}", example="show info", max_length=200)
    ]


class Answer(Model):
    """HAProxy's answer."""

    answer: Annotated[str, setting("HAProxy's answer, unchanged")]


class Reloaded(Model):
    """The result of a reload."""

    url: Annotated[str, setting("URL for clients")]
    haproxy: Annotated[str, setting("The HAProxy that runs")]
    version: Annotated[str, setting("Its version")]


class StateOperation(LoadBalancerOperation):
    """Base of the operations that set the state of a server."""

    abstract = True
    Input = ServerName
    Output = Changed
    state: State = "ready"

    def handle(self) -> object:
        name = self.request.input.name
        return Changed(name=name, how=self.control.set(name, state=self.state))


class LoadBalancerServers(LoadBalancerOperation):
    """List the servers behind the load-balancer, with their states and requests."""

    name = "admin.loadbalancer.servers"
    right = "view"
    Output = Servers

    def handle(self) -> object:
        found = self.control.servers()
        return {"items": found, "total": len(found)}


class LoadBalancerAdd(LoadBalancerOperation):
    """Put a server behind the load-balancer."""

    name = "admin.loadbalancer.add"
    right = "operate"
    Input = BalancedServer
    Output = Changed

    def handle(self) -> object:
        return Changed(name=self.request.input.name, how=self.control.add(self.request.input))


class LoadBalancerRemove(LoadBalancerOperation):
    """Take a server away from the load-balancer; it finishes its requests."""

    name = "admin.loadbalancer.remove"
    right = "operate"
    Input = ServerName
    Output = Changed

    def handle(self) -> object:
        return Changed(
            name=self.request.input.name, how=self.control.remove(self.request.input.name)
        )


class LoadBalancerWeight(LoadBalancerOperation):
    """Change a server's share of the requests."""

    name = "admin.loadbalancer.weight"
    right = "operate"
    Input = ServerWeight
    Output = Changed

    def handle(self) -> object:
        asked = self.request.input
        return Changed(name=asked.name, how=self.control.set(asked.name, weight=asked.weight))


class LoadBalancerDrain(StateOperation):
    """Send a server no new requests; it finishes those it has and is still checked."""

    name = "admin.loadbalancer.drain"
    right = "operate"
    state = "drain"


class LoadBalancerMaint(StateOperation):
    """Put a server into maintenance: no requests, no checks."""

    name = "admin.loadbalancer.maint"
    right = "operate"
    state = "maint"


class LoadBalancerReady(StateOperation):
    """Send a server requests again."""

    name = "admin.loadbalancer.ready"
    right = "operate"
    state = "ready"


class LoadBalancerStatistics(LoadBalancerOperation):
    """Show HAProxy's statistics: connections, requests, times, errors."""

    name = "admin.loadbalancer.statistics"
    right = "view"
    Output = Statistics

    def handle(self) -> object:
        runtime = self.control.runtime
        return {"info": runtime.info(), "items": runtime.statistics()}


class LoadBalancerCommand(LoadBalancerOperation):
    """Send HAProxy a command that changes nothing."""

    name = "admin.loadbalancer.command"
    Input = Command
    Output = Answer

    def handle(self) -> object:
        return Answer(answer=self.control.command(self.request.input.command))


class LoadBalancerReload(LoadBalancerOperation):
    """Replace HAProxy by a new process with the stored configuration; no request is lost."""

    name = "admin.loadbalancer.reload"
    right = "operate"
    Output = Reloaded

    def handle(self) -> object:
        about = asdict(self.control.reload())
        return {key: about[key] for key in ("url", "haproxy", "version")}


OPERATIONS: tuple[type[Operation], ...] = (
    LoadBalancerServers,
    LoadBalancerAdd,
    LoadBalancerRemove,
    LoadBalancerWeight,
    LoadBalancerDrain,
    LoadBalancerMaint,
    LoadBalancerReady,
    LoadBalancerStatistics,
    LoadBalancerCommand,
    *EDITING,
    LoadBalancerReload,
)
