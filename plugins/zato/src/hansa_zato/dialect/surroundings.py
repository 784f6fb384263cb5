"""What services of the Zato dialect use: connections, stores, tools, by the names of Zato."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hansa import Service as CoreService

from ..bunch import Bunch
from ..cache import CacheAPI
from ..messages.facade import MessageFacade
from ..outgoing import REST, Outgoing
from ..outgoing.cassandra import CassandraQueries, connections as cassandra_connections
from ..outgoing.cloud import Cloud
from ..outgoing.connections import Connections
from ..outgoing.email import Email
from ..outgoing.kvdb import KeyValueDB, lock
from ..outgoing.search import Search
from ..pubsub import PubSub
from .clock import TimeUtil
from .commands import Commands
from .crypto import Crypto
from .nav import DictNav, ListNav
from .schedule import Schedule
from .static import StaticFiles
from .threads import in_thread, sleep
from .userconfig import user_config
from .wsx import WSX

if TYPE_CHECKING:
    from redis.lock import Lock

    from ..odb.database import ConfigurationDatabase


class Surroundings(CoreService):
    """Attributes of services that are the same whatever message they handle."""

    abstract: ClassVar[bool] = True
    dictnav = DictNav
    listnav = ListNav

    @property
    def outgoing(self) -> Outgoing:  # type: ignore[override] # the dialect has its own
        """Connections out."""
        return Outgoing(self.server)

    out = outgoing

    @property
    def rest(self) -> REST:
        """Outgoing HTTP connections that know the correlation id."""
        return REST(self.outgoing, self.cid)

    @property
    def amqp(self) -> Connections:
        """Outgoing AMQP connections, of which `invoke` names one."""
        return self.outgoing.amqp

    @property
    def email(self) -> Email:
        """Mail servers."""
        return Email(self.server)

    @property
    def cloud(self) -> Cloud:
        """Object stores."""
        return Cloud(self.server)

    @property
    def search(self) -> Search:
        """Search engines."""
        return Search(self.server)

    @property
    def cassandra_conn(self) -> Connections:
        """Sessions with clusters of Cassandra."""
        return cassandra_connections(self.server)

    @property
    def cassandra_query(self) -> CassandraQueries:
        """Prepared statements of Cassandra."""
        return CassandraQueries(self.server)

    @property
    def kvdb(self) -> KeyValueDB:
        """Redis."""
        return KeyValueDB(self.server)

    @property
    def cache(self) -> CacheAPI:
        """Caches."""
        return CacheAPI(self.server)

    @property
    def pubsub(self) -> PubSub:
        """Topics and subscriptions."""
        return PubSub(self.server, self.cid)

    @property
    def wsx(self) -> WSX:
        """Clients of channels of WebSockets."""
        return WSX(self.server, self.cid)

    @property
    def time(self) -> TimeUtil:
        """Dates and times as text."""
        return TimeUtil(self.server)

    @property
    def user_config(self) -> Bunch:
        """INI files of the user."""
        return user_config(self.server)

    config = user_config

    @property
    def static_config(self) -> StaticFiles:
        """Texts of static files."""
        return StaticFiles(self.server)

    @property
    def crypto(self) -> Crypto:
        """Encryption, hashes and random secrets."""
        return Crypto(self.server)

    @property
    def commands(self) -> Commands:
        """Programs, where the configuration allows them."""
        return Commands(self.server)

    @property
    def schedule(self) -> Schedule:
        """Calls of services at a later time."""
        return Schedule(self.server, self.cid)

    @property
    def odb(self) -> ConfigurationDatabase:
        """The definitions, to be read by SQLAlchemy."""
        from ..odb.database import (
            ConfigurationDatabase,
        )  # lazy: few services look at definitions this way

        return ConfigurationDatabase(self.server)

    @property
    def msg(self) -> MessageFacade:
        """JSON Pointer, XPath and mappings, with expressions of the definitions."""
        return MessageFacade(self.server)

    sleep = staticmethod(sleep)
    run_in_thread = staticmethod(in_thread)

    def translate(
        self, system1: str, key1: str, value1: str, system2: str, key2: str, default: str = ""
    ) -> str:
        """Return what a value is called in another system, by the data dictionaries."""
        return self.kvdb.translate(system1, key1, value1, system2, key2, default)

    def lock(
        self,
        name: str | None = None,
        expires: float = 20,
        timeout: float = 10,
        backend: object = None,
        *,
        ttl: float | None = None,
        block: float | None = None,
    ) -> Lock:
        """Return a lock held once in the cluster: `with self.lock("name"): ...`.

        It is held for at most `expires` seconds (also called `ttl`), and entering waits for at most
        `timeout` seconds (also called `block`), then raises redis.exceptions.LockError.
        """
        longest = expires if ttl is None else ttl
        patience = timeout if block is None else block
        return lock(self.server, name or self.name, longest, patience)
