"""Quotes of several insurers at once: fan-out, parallel execution, callbacks and retries."""

from __future__ import absolute_import, division, print_function, unicode_literals

import json

from zato.server.service import Service


def as_dict(payload):
    """Patterns hand over JSON, direct calls a dictionary."""
    return payload if isinstance(payload, dict) else json.loads(payload)


class InsurerA(Service):
    def handle(self):
        car = as_dict(self.request.payload)["car"]
        self.response.payload = {"insurer": "A", "price": 100 + len(car)}


class InsurerB(Service):
    def handle(self):
        car = as_dict(self.request.payload)["car"]
        self.response.payload = {"insurer": "B", "price": 90 + len(car)}


class InsurerC(Service):
    def handle(self):
        raise ValueError("No quotes today")


class Compare(Service):
    """Asks all insurers; the answer comes later."""

    def handle(self):
        car = {"car": self.request.payload["car"]}
        targets = {"quotes.insurer-a": car, "quotes.insurer-b": car, "quotes.insurer-c": car}
        cid = self.patterns.fanout.invoke(targets, "quotes.collect")
        self.response.payload = {"cid": cid}


class Collect(Service):
    """Gets the answers of all insurers."""

    def handle(self):
        best = {}
        for target, answer in self.request.payload["data"].items():
            if answer["ok"]:
                response = as_dict(answer["response"])
                best[response["insurer"]] = response["price"]
            else:
                self.logger.warn("%s failed", target)
        self.kvdb.conn.set("quotes:result", json.dumps(best, sort_keys=True))


class AskEach(Service):
    """Asks some of them in parallel; each answer is taken by itself."""

    def handle(self):
        car = {"car": self.request.payload["car"]}
        targets = {"quotes.insurer-a": car, "quotes.insurer-b": car}
        self.patterns.parallel.invoke(targets, "quotes.take-one")
        self.response.payload = {"asked": sorted(targets)}


class TakeOne(Service):
    def handle(self):
        response = as_dict(self.request.payload["response"])
        self.kvdb.conn.hset("quotes:each", response["insurer"], response["price"])


class AskOne(Service):
    """Asks one, which calls us back."""

    def handle(self):
        cid = self.invoke_async("quotes.insurer-b", self.request.payload, callback="quotes.called")
        self.response.payload = {"cid": cid}


class Called(Service):
    def handle(self):
        payload = as_dict(self.request.payload)
        self.kvdb.conn.hset("quotes:called", self.in_reply_to, payload["insurer"])


class Unsteady(Service):
    """Fails once, then answers."""

    def handle(self):
        if self.kvdb.conn.incr("quotes:tries") == 1:
            raise Exception("Not now")
        self.response.payload = {"tries": self.kvdb.conn.get("quotes:tries")}


class Insist(Service):
    """Asks again until there is an answer."""

    def handle(self):
        self.response.payload = self.patterns.invoke_retry.invoke(
            "quotes.unsteady", {}, repeats=3, seconds=1
        )


class Results(Service):
    """What has arrived meanwhile."""

    def handle(self):
        self.response.payload = {
            "compared": json.loads(self.kvdb.conn.get("quotes:result") or "{}"),
            "each": self.kvdb.conn.hgetall("quotes:each"),
            "called": self.kvdb.conn.hgetall("quotes:called"),
        }
