"""Whether a server's configuration, its operational database (ODB) and its Redis can be used."""

from __future__ import annotations

from dataclasses import dataclass, field

from hansa import HansaError, Invalid, check_odb, check_plugins

from . import kvdb, odb, redis_check
from .component import KVDB, SERVER, Component
from .failure import INVALID, Failure


@dataclass
class Findings:
    """What checks found: lines for what is in order, warnings, and failures."""

    passed: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @classmethod
    def failed(cls, message: str) -> Findings:
        """Return the findings of a check that failed."""
        return cls(failures=[message])


def check_server(server: Component) -> Findings:
    """Check everything about a server, and go on after a failure."""
    found = Findings()
    for check in (check_configuration, check_server_odb, check_server_key, check_server_redis):
        try:
            result = check(server)
        except Failure as failure:
            result = Findings.failed(failure.message)
        found.passed += result.passed
        found.warnings += result.warnings
        found.failures += [one for one in result.failures if one not in found.failures]
    return found


def check_configuration(component: Component) -> Findings:
    """Read a server's configuration as a worker reads it, with all plugins.

    Raises `Failure` with all faults.
    """
    try:
        check_plugins(component.config, component.folder)
    except Invalid as invalid:
        lines = [f"{component.config} is not valid:"]
        for key, fault in invalid.errors.items():
            lines.append(f"  {key}: {fault}" if key else f"  {fault}")
        raise Failure("\n".join(lines), INVALID) from None
    return Findings()


def check_server_odb(component: Component) -> Findings:
    """Connect to a server's ODB; raises `Failure`, also for one that is missing and was used."""
    if odb.check_odb(odb_url(component)) is None:
        check_server_key(component)
    return Findings(["SQL ODB connection OK"])


def check_server_key(component: Component) -> Findings:
    """Check that a server has the ODB that it has used, and the secret key of its cluster.

    Raises `Failure`.
    """
    # check_odb has imported it by the time that it can be raised
    from sqlalchemy.exc import SQLAlchemyError

    try:
        check_odb(component.config, component.folder)
    except Invalid as invalid:
        faults = [f"{key}: {fault}" for key, fault in invalid.errors.items()]
        raise Failure("\n".join(faults), INVALID) from None
    except HansaError as error:
        raise Failure(f"SQL ODB: {error}", INVALID) from None
    except SQLAlchemyError as error:
        raise odb.unreachable(odb_url(component), error) from None
    return Findings()


def odb_url(component: Component) -> str:
    """Return the URL of a server's ODB; raises `Failure`."""
    return str(component.section("odb").get("url") or odb.sqlite_url(component.folder))


def check_server_redis(component: Component) -> Findings:
    """Connect to the Redis of a server; raises `Failure`."""
    address = kvdb.address_of(component)
    if not address and component.kind == SERVER:
        return Findings(["Redis: the embedded Valkey of this server, which starts it"])
    embedded = component if component.kind == KVDB else component.part(KVDB)
    if embedded is not None and address == kvdb.address_of(embedded):
        if embedded.pid() is None:
            state = "which is not running yet"
            return Findings([f"Redis: the embedded Valkey in {embedded.folder}, {state}"])
        # how it persists is known, so that redis-py, which takes long to import, is not needed
        engine = kvdb.engine_of(embedded)
        if engine.durability == "durable" and engine.ready():
            return Findings(["Redis connection OK"])
    durability = component.section("redis").get("durability")
    warnings = redis_check.check_redis(address, durability)
    return Findings(["Redis connection OK"], warnings)
