"""Digests of events by e-mail: collected in Redis, sent over SMTP; and tickets read over IMAP."""

from __future__ import absolute_import, division, print_function, unicode_literals

import json
from datetime import datetime

from zato.common import SMTPMessage
from zato.server.service import Integer, Service

KEY = "digest:{}"


class CollectEvent(Service):
    """Remembers an event for the next digest of a team."""

    class SimpleIO:
        input_required = ("team", "subject")
        input_optional = ("severity",)
        default_value = "info"
        output_optional = (Integer("waiting"),)

    def handle(self):
        item = dict(self.request.input.iteritems())
        item["when"] = self.time.utcnow("YYYY-MM-DD")
        waiting = self.kvdb.conn.rpush(KEY.format(item["team"]), json.dumps(item))
        self.response.payload.waiting = waiting


class SendDigest(Service):
    """Sends what has been collected as one message with a CSV attached."""

    class SimpleIO:
        input_required = ("team",)
        output_optional = (Integer("sent"),)

    def handle(self):
        key = KEY.format(self.request.input.team)
        items = [json.loads(item) for item in self.kvdb.conn.lrange(key, 0, -1)]
        self.response.payload.sent = len(items)
        if not items:
            return

        rows = "".join(
            "<tr><td>{subject}</td><td>{severity}</td></tr>".format(**item) for item in items
        )
        message = SMTPMessage()
        message.subject = "{} events of {}".format(len(items), items[0]["when"])
        message.from_ = "digest@example.com"
        message.to = "{}@example.com".format(self.request.input.team)
        message.is_html = True
        message.body = "<table>{}</table>".format(rows)
        csv = "\r\n".join("{severity};{subject}".format(**item) for item in items)
        message.attach("events.csv", csv)
        self.email.smtp.get("Office").conn.send(message)
        self.kvdb.conn.delete(key)


class MailInvoice(Service):
    """Sends a bill as plain text, with a copy for the archive."""

    input = "number", "customer", "email"
    output = "is_sent"

    def handle(self):
        inp = self.request.input
        msg = SMTPMessage()
        msg.subject = f"Invoice {inp.number}"
        msg.to = inp.email
        msg.from_ = "billing@example.com"
        msg.bcc = "archive@example.com"
        msg.body = f"Dear {inp.customer},\n\nplease find attached invoice {inp.number}.\n"
        msg.headers = {"X-Invoice": inp.number}
        msg.attach(f"{inp.number}.txt", f"Invoice {inp.number}, {datetime.utcnow().year}".encode())
        self.email.smtp["Office"].conn.send(msg)
        self.response.payload.is_sent = True


class FetchTickets(Service):
    """Reads unseen messages of the help desk; each becomes a ticket in Redis."""

    def handle(self):
        tickets = []
        for uid, message in self.email.imap.get("Help desk").conn.get("INBOX"):
            ticket = {
                "from": message.data.sent_from[0]["email"],
                "subject": message.data.subject,
                "body": message.data.body["plain"][0].strip(),
            }
            self.logger.info("Ticket from %s, uid %s", ticket["from"], uid)
            self.kvdb.conn.rpush("tickets", json.dumps(ticket))
            message.mark_seen()
            tickets.append(ticket)
        self.response.payload = {"tickets": tickets}
