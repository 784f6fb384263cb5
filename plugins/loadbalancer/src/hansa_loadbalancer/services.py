"""The admin services of the load-balancer, `admin.loadbalancer.*`, in any server that knows its socket."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from hansa import Model, setting
from hansa_admin.operation import Operation

from .control import COMMANDS, Control
from .settings import BalancedServer, LoadBalancerSection, State


class ServerName(Model):
    """A server, by name."""

    name: Annotated[str, setting("Name of the server", min_length=1, example="server1")]


class Weighed(ServerName):
    """A server and its weight."""

    weight: Annotated[
        int, setting("Share of the requests, in relation to the others'", ge=1, le=256)
    ]


class Changed(Model):
    """What came of a change; it is stored, and survives reloads and restarts."""

    name: Annotated[str, setting("Name of the server")]
    how: Annotated[
        str,
        setting("live, reload, or empty if there was nothing to change; neither loses a request"),
    ]


class Listed(BalancedServer):
    """A server as configured, and as HAProxy sees it."""

    status: Annotated[str, setting("UP, DOWN, DRAIN, MAINT, or on the way from one to another")]
    check_result: Annotated[str, setting("What the last check gave")]
    seconds: Annotated[int, setting("Seconds in this status")]
    active: Annotated[int, setting("Requests it is answering")]
    queued: Annotated[int, setting("Requests that wait for it")]
    requests: Annotated[int, setting("Requests since HAProxy was started or reloaded")]
    failed: Annotated[int, setting("Of those, how many got no connection or no answer")]


class Servers(Model):
    """The servers behind the load-balancer."""

    items: Annotated[list[Listed], setting("The servers, in the order of the configuration")]
    total: Annotated[int, setting("How many there are")]


class Statistics(Model):
    """What HAProxy counts."""

    info: Annotated[dict[str, str], setting("About its process, as `show info` names it")]
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

    answer: Annotated[str, setting("As it came")]


class Source(Model):
    """The load-balancer's configuration."""

    stored: Annotated[str, setting("config.toml, the one to change")]
    stored_in: Annotated[str, setting("Where it is")]
    generated: Annotated[str, setting("What HAProxy was given")]
    generated_in: Annotated[str, setting("Where that is")]


class Reloaded(Model):
    """A reload that has happened."""

    url: Annotated[str, setting("Where clients connect")]
    haproxy: Annotated[str, setting("The HAProxy that runs")]
    version: Annotated[str, setting("Its version")]


class OnLoadBalancer(Operation):
    """An operation on the load-balancer."""

    abstract = True

    @property
    def control(self) -> Control:
        """The load-balancer; raises `Unavailable` if this server knows none."""
        return Control(self.server.section(LoadBalancerSection).socket)


class OnServer(OnLoadBalancer):
    """A change of one server."""

    abstract = True
    Input, Output = ServerName, Changed
    state: State = "ready"

    def handle(self) -> Any:
        name = self.request.input.name
        return Changed(name=name, how=self.control.set(name, state=self.state))


class LoadBalancerServers(OnLoadBalancer):
    """List the servers behind the load-balancer, their state and what they do."""

    name, Output = "admin.loadbalancer.servers", Servers

    def handle(self) -> Any:
        found = self.control.servers()
        return {"items": found, "total": len(found)}


class LoadBalancerAdd(OnLoadBalancer):
    """Put a server behind the load-balancer."""

    name, Input, Output = "admin.loadbalancer.add", BalancedServer, Changed

    def handle(self) -> Any:
        return Changed(name=self.request.input.name, how=self.control.add(self.request.input))


class LoadBalancerRemove(OnLoadBalancer):
    """Take a server away from the load-balancer; it finishes what it has."""

    name, Input, Output = "admin.loadbalancer.remove", ServerName, Changed

    def handle(self) -> Any:
        return Changed(
            name=self.request.input.name, how=self.control.remove(self.request.input.name)
        )


class LoadBalancerWeight(OnLoadBalancer):
    """Change a server's share of the requests."""

    name, Input, Output = "admin.loadbalancer.weight", Weighed, Changed

    def handle(self) -> Any:
        asked = self.request.input
        return Changed(name=asked.name, how=self.control.set(asked.name, weight=asked.weight))


class LoadBalancerDrain(OnServer):
    """Hand a server nothing new; it finishes what it has, and goes on being checked."""

    name, state = "admin.loadbalancer.drain", "drain"


class LoadBalancerMaint(OnServer):
    """Put a server into maintenance: nothing new, no checks."""

    name, state = "admin.loadbalancer.maint", "maint"


class LoadBalancerReady(OnServer):
    """Hand a server requests again."""

    name, state = "admin.loadbalancer.ready", "ready"


class LoadBalancerStatistics(OnLoadBalancer):
    """Show what HAProxy counts: connections, requests, times, errors."""

    name, Output = "admin.loadbalancer.statistics", Statistics

    def handle(self) -> Any:
        runtime = self.control.runtime
        return {"info": runtime.info(), "items": runtime.statistics()}


class LoadBalancerCommand(OnLoadBalancer):
    """Give HAProxy a command that looks and changes nothing."""

    name, Input, Output = "admin.loadbalancer.command", Command, Answer

    def handle(self) -> Any:
        return Answer(answer=self.control.command(self.request.input.command))


class LoadBalancerSource(OnLoadBalancer):
    """Show the load-balancer's configuration, as it is stored and as HAProxy has it."""

    name, Output = "admin.loadbalancer.source", Source

    def handle(self) -> Any:
        return self.control.source()


class LoadBalancerReload(OnLoadBalancer):
    """Replace HAProxy by a new process with the stored configuration; no request is lost."""

    name, Output = "admin.loadbalancer.reload", Reloaded

    def handle(self) -> Any:
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
    LoadBalancerSource,
    LoadBalancerReload,
)
