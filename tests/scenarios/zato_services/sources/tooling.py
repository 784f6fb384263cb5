"""Small services that lean on what each service is given: time, translations, navigation, jobs."""

from __future__ import absolute_import, division, print_function, unicode_literals

import json

from bunch import Bunch, bunchify, unbunchify

from zato.common.exception import ZatoException
from zato.server.service import Dict, Integer, Service, UTC


class Reformat(Service):
    """Dates from one notation into another."""

    class SimpleIO:
        input_required = ("day",)
        output_required = ("day", "is_past")

    def handle(self):
        day = self.time.reformat(self.request.input.day, "DD/MM/YYYY", "YYYY-MM-DD")
        self.response.payload.day = day
        self.response.payload.is_past = day < self.time.today()


class TranslateCode(Service):
    """Codes of one system in those of another, out of the data dictionary."""

    class SimpleIO:
        input_required = ("code",)
        output_required = ("code",)

    def handle(self):
        self.response.payload.code = self.translate(
            "crm", "country", self.request.input.code, "billing", "country", "??"
        )


class NavigateTree(Service):
    """Walks through nested data."""

    def handle(self):
        nav = self.dictnav(self.request.payload)
        tree = bunchify(self.request.payload)
        self.response.payload = {
            "city": nav.get(["person", "address", "city"]),
            "has_phone": nav.has_path(["person", "phone"]),
            "same": tree.person.address.city == nav.get(["person", "address", "city"]),
            "copy": unbunchify(Bunch(a=tree.person.name)),
        }


class Settings(Service):
    """Reads the user's configuration, and options of a record."""

    class SimpleIO:
        input_required = (Dict("options", "colour", "size"),)
        input_optional = (UTC("since"), Integer("limit_size"))
        output_optional = ("colour", "since", "bank", "limit_size")

    def handle(self):
        self.response.payload.colour = self.request.input.options["colour"]
        self.response.payload.since = self.request.input.since
        self.response.payload.bank = self.user_config.mobile.bank.name
        self.response.payload.limit_size = self.request.input.limit_size


class AuditedTransfer(Service):
    """All hooks around one message, noted in the order in which they run."""

    class SimpleIO:
        input_required = ("account", Integer("amount"))
        output_required = ("steps",)

    def before_handle(self):
        self.environ.steps = ["before"]

    def validate_input(self):
        self.environ.steps.append("input")
        if self.request.input.amount <= 0:
            raise ZatoException(self.cid, "Amount must be positive")

    def handle(self):
        self.environ.steps.append("handle")
        self.response.payload.steps = ",".join(self.environ.steps)

    def validate_output(self):
        self.environ.steps.append("output")

    def after_handle(self):
        self.environ.steps.append("after")

    def finalize_handle(self):
        self.environ.steps.append("finalize")
        self.kvdb.conn.set("audit:" + self.request.input.account, json.dumps(self.environ.steps))


class AuditTrail(Service):
    """The steps of the last transfer of an account."""

    class SimpleIO:
        input_required = ("account",)

    def handle(self):
        self.response.payload = self.kvdb.conn.get("audit:" + self.request.input.account)


class WhoAmI(Service):
    """What a service knows of itself and of its call."""

    name = "tooling.introspection"

    def handle(self):
        self.response.payload = {
            "name": self.name,
            "impl_name": self.impl_name,
            "channel": "{}".format(self.channel),
            "data_format": self.data_format,
            "transport": self.transport,
            "cid_length": len(self.cid),
            "remote": self.wsgi_environ["zato.http.remote_addr"],
            "path": self.wsgi_environ["PATH_INFO"],
        }


class NightlyJob(Service):
    """A job of the scheduler; its extra data is JSON."""

    def handle(self):
        extra = json.loads(self.request.raw_request or "{}")
        runs = self.kvdb.conn.incr("nightly:" + extra["site"])
        self.logger.info("Run %s of %s, %s", runs, extra["site"], self.job_type)
        self.log_input("nightly")


class NightlyRuns(Service):
    """How often the job has run."""

    def handle(self):
        self.response.payload = {"runs": int(self.kvdb.conn.get("nightly:Oslo") or 0)}
