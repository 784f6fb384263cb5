"""Authentication by tokens as a base class of services: the middleware of a mobile application."""

import hashlib
import hmac
import uuid

from zato.common.exception import Forbidden, Unauthorized
from zato.server.service import Service

KEY = "session:{}"
LIFETIME = 900


class LogIn(Service):
    """Exchanges a name and a password for a token."""

    input = "username", "password"
    output = "token", "expires_in"

    def handle(self):
        username = self.request.input.username
        config = self.user_config.mobile.users
        expected = config.get(username, "")
        given = hashlib.sha256(self.request.input.password.encode("utf8")).hexdigest()
        if not hmac.compare_digest(expected.encode(), given.encode()):
            self.logger.warning("Wrong password of %s (%s)", username, self.cid)
            raise Unauthorized(self.cid, "Wrong user name or password", "Bearer")

        token = uuid.uuid4().hex
        role = self.user_config.mobile.roles.get(username, "guest")
        self.kvdb.conn.hset(KEY.format(token), "username", username)
        self.kvdb.conn.hset(KEY.format(token), "role", role)
        self.kvdb.conn.expire(KEY.format(token), LIFETIME)
        self.response.payload.token = token
        self.response.payload.expires_in = LIFETIME


class Authenticated(Service):
    """Base of what only those with a token may call."""

    zato_dont_import = True
    roles = ()

    def before_handle(self):
        header = self.wsgi_environ.get("HTTP_AUTHORIZATION", "")
        scheme, _, token = header.partition(" ")
        session = self.kvdb.conn.hgetall(KEY.format(token)) if scheme == "Bearer" else None
        if not session:
            raise Unauthorized(self.cid, "No such session", "Bearer")
        if self.roles and session["role"] not in self.roles:
            raise Forbidden(self.cid, "You are not allowed to do that")
        self.environ.session = session
        self.environ.token = token


class MyProfile(Authenticated):
    """Who has logged in."""

    output = "username", "role"

    def handle(self):
        self.response.payload.username = self.environ.session["username"]
        self.response.payload.role = self.environ.session["role"]


class CloseDay(Authenticated):
    """Something for managers alone."""

    roles = ("manager",)

    def handle(self):
        self.response.payload = {"closed_by": self.environ.session["username"]}


class LogOut(Authenticated):
    """Ends a session."""

    def handle(self):
        self.kvdb.conn.delete(KEY.format(self.environ.token))
        self.response.status_code = 204
