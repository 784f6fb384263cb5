"""Webhooks of others with signatures, and webhooks of our own that are delivered and retried."""

import hashlib
import hmac
import json
import time

from zato.common.exception import BadRequest, Forbidden
from zato.server.service import Service

TOLERANCE = 300


def sign(secret, text):
    """Signs a text by a secret."""
    return hmac.new(secret.encode("utf8"), text.encode("utf8"), hashlib.sha256).hexdigest()


class RepositoryPushed(Service):
    """Called by a host of repositories; its signature is over the body as it came."""

    def handle(self):
        raw = self.request.raw_request
        if isinstance(raw, bytes):
            raw = raw.decode("utf8")
        given = self.wsgi_environ.get("HTTP_X_HUB_SIGNATURE_256", "")
        secret = self.user_config.webhooks.secrets.repository
        if not hmac.compare_digest("sha256=" + sign(secret, raw), given):
            raise Forbidden(self.cid, "Wrong signature")

        event = self.wsgi_environ.get("HTTP_X_EVENT")
        if event == "ping":
            self.response.payload = {"pong": True}
            return
        pushed = self.request.payload
        branch = pushed["ref"].split("/")[-1]
        self.kvdb.conn.lpush("pushes:" + branch, pushed["commits"][-1]["id"])
        self.response.payload = {"branch": branch, "commits": len(pushed["commits"])}


class PaymentReceived(Service):
    """Called by a provider of payments; each event is carried out once, old ones are refused."""

    def handle(self):
        parts = dict(
            part.split("=", 1)
            for part in self.wsgi_environ.get("HTTP_PAY_SIGNATURE", "t=0,v1=").split(",")
        )
        raw = self.request.raw_request
        text = raw.decode("utf8") if isinstance(raw, bytes) else raw
        secret = self.user_config.webhooks.secrets.payments
        if not hmac.compare_digest(sign(secret, parts["t"] + "." + text), parts.get("v1", "")):
            raise BadRequest(self.cid, "Wrong signature")
        if abs(time.time() - int(parts["t"])) > TOLERANCE:
            raise BadRequest(self.cid, "Too old")

        event = json.loads(text)
        if not self.kvdb.conn.set("payment:" + event["id"], self.cid, nx=True, ex=86400):
            self.response.payload = {"status": "duplicate"}
            return
        total = self.kvdb.conn.incrby("payments:total", event["data"]["amount"])
        self.response.payload = {"status": "booked", "total": total}


class Subscribe(Service):
    """Registers who wants to hear of what."""

    input = "event", "path"
    output = "subscribers"

    def handle(self):
        key = "subscribers:" + self.request.input.event
        self.kvdb.conn.sadd(key, self.request.input.path)
        self.response.payload.subscribers = self.kvdb.conn.scard(key)


class Notify(Service):
    """Tells subscribers of an event; the answer says who could not be reached."""

    input = "event", "data"
    output = "delivered", "failed"

    def handle(self):
        delivered, failed = [], []
        secret = self.user_config.webhooks.secrets.outgoing
        body = json.dumps(self.request.input.data, sort_keys=True)
        headers = {"X-Signature": sign(secret, body), "Content-Type": "application/json"}
        for path in sorted(self.kvdb.conn.smembers("subscribers:" + self.request.input.event)):
            for attempt in range(1, 4):
                headers["X-Attempt"] = str(attempt)
                conn = self.out.rest["Subscribers"].conn
                response = conn.post(self.cid, body, {"path": path}, headers=headers)
                if response.status_code < 300:
                    delivered.append(path)
                    break
            else:
                failed.append(path)
        self.response.payload.delivered = delivered
        self.response.payload.failed = failed
