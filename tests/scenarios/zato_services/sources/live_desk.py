"""A support desk: clients talk over WebSockets, and staff is known to a directory (LDAP)."""

import json

import ldap3
from zato.server.service import Service, WSXAdapter


class Talk(Service):
    """Each message of a client is an object: it enters a room, or speaks to all in it."""

    def handle(self):
        message = self.request.payload
        client = self.wsgi_environ["zato.wsx"]
        client.join(message["room"])
        if "text" in message:
            said = {"from": message["name"], "text": message["text"]}
            client.broadcast(message["room"], json.dumps(said))
        self.response.payload = {"room": message["room"], "channel": str(self.channel)}


class AskDesk(Service):
    """Says something to the desk as its client, over an outgoing connection, and waits for the answer."""

    input = "room"
    output = "answer"

    def handle(self):
        conn = self.out.wsx["Desk"].conn
        answer = conn.invoke({"room": self.request.input.room, "name": "robot"})
        self.response.payload.answer = answer["room"]


class Overhear(WSXAdapter):
    """Hears what is said in a room, as a client whose messages come here."""

    def on_message_received(self, ctx):
        message = json.loads(ctx.data) if isinstance(ctx.data, str) else ctx.data
        if "text" in message:
            self.kvdb.conn.rpush("overheard", message["text"])


class Overheard(Service):
    """All that was heard so far."""

    def handle(self):
        self.response.payload = self.kvdb.conn.lrange("overheard", 0, -1)


class WhoAmI(Service):
    """Says who has logged in: the directory has judged name and password."""

    output = "username", "definition", "-groups"

    def handle(self):
        security = self.channel.security
        self.response.payload.username = security.username
        self.response.payload.definition = security.name
        self.response.payload.groups = ",".join(security.impl.groups)


class StaffDirectory(Service):
    """Looks people up in the directory with a library, by settings of a file."""

    input = "name"
    output = "-dn"

    def handle(self):
        config = self.user_config.directory.ldap
        server = ldap3.Server(config.url, connect_timeout=5)
        with ldap3.Connection(server, config.user, config.password, receive_timeout=10) as conn:
            name = ldap3.utils.conv.escape_filter_chars(self.request.input.name)
            conn.search(config.base, "(uid={})".format(name))
            for entry in conn.entries:
                self.response.payload.dn = entry.entry_dn
