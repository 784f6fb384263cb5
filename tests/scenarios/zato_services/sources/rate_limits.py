"""Limits that services keep themselves: by client, by day, and one at a time."""

from __future__ import absolute_import, division, print_function, unicode_literals

import time

from zato.server.connection.http_soap import TooManyRequests
from zato.server.service import Integer, Service


class LimitedSearch(Service):
    """At most so many searches of a client in a minute."""

    class SimpleIO:
        input_required = ("client", "query")
        output_optional = ("found", Integer("left"))

    def accept(self):
        return "/" not in self.request.payload.get("client", "")

    def before_handle(self):
        limit = int(self.user_config.limits.search.per_minute)
        key = "search:{}:{}".format(self.request.input.client, int(time.time() // 600))
        used = self.kvdb.conn.incr(key)
        self.kvdb.conn.expire(key, 1200)
        if used > limit:
            raise TooManyRequests(self.cid, "Only {} searches a minute".format(limit))
        self.environ["left"] = limit - used

    def handle(self):
        self.response.payload.found = self.request.input.query.upper()
        self.response.payload.left = self.environ["left"]


class NextNumber(Service):
    """Numbers of documents without a gap, under a lock of the cluster."""

    class SimpleIO:
        input_required = ("series",)
        output_required = ("number",)

    def handle(self):
        series = self.request.input.series
        with self.lock("series-" + series, expires=20, timeout=10):
            last = int(self.kvdb.conn.get("series:" + series) or 0)
            self.kvdb.conn.set("series:" + series, last + 1)
        self.response.payload.number = "{}-{:05d}".format(series, last + 1)
