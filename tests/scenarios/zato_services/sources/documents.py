"""Documents in XML, HTML, CSV, forms and bytes: what a message is beyond JSON."""

from __future__ import absolute_import, division, print_function, unicode_literals

import base64
import csv
from io import StringIO

from lxml import etree

from zato.server.service import Bool, Integer, List, ListOfDicts, Service
from zato.server.service.internal.helpers import HTMLService


class InvoiceTotal(Service):
    """Reads a bill in XML by objectify."""

    def handle(self):
        invoice = self.request.payload
        total = sum(int(line.get("pieces")) * float(line.price) for line in invoice.lines.line)
        root = etree.Element("total", number=invoice.number.text)
        root.text = "{:.2f}".format(total)
        self.response.payload = etree.tostring(root).decode("utf8")
        self.response.content_type = "application/xml"


class FindByXPath(Service):
    """Reads a document by XPath."""

    def handle(self):
        found = self.request.payload.xpath("//article[@stock > 5]/@sku")
        self.response.payload = "\n".join(found)
        self.response.content_type = "text/plain"


class Survey(Service):
    """Lists and records in XML and JSON."""

    class SimpleIO:
        input_required = (List("answers"), ListOfDicts("persons"))
        input_optional = (Bool("is_final"),)
        output_required = (Integer("count"), List("answers"))
        output_optional = (Bool("is_final"), "names")

    def handle(self):
        self.response.payload.count = len(self.request.input.persons)
        self.response.payload.answers = sorted(self.request.input.answers)
        self.response.payload.is_final = self.request.input.is_final
        names = [person["name"] for person in self.request.input.persons]
        self.response.payload.names = ", ".join(names)


class SumCsv(Service):
    """Adds a column of CSV."""

    def handle(self):
        text = self.request.raw_request
        if isinstance(text, bytes):
            text = text.decode("utf8")
        rows = list(csv.DictReader(StringIO(text)))
        self.response.payload = str(sum(int(row["amount"]) for row in rows))
        self.response.content_type = "text/plain; charset=utf-8"
        self.response.headers["X-Rows"] = str(len(rows))


class Feedback(Service):
    """Takes a form of a web page, and answers with a page."""

    def handle(self):
        form = self.request.http.POST
        self.kvdb.conn.rpush("feedback", "{}:{}".format(form["name"], form["stars"]))
        self.response.payload = "Thank you, {}!".format(form["name"])
        self.response.status_code = 201
        self.response.content_type = "text/plain; charset=utf-8"


class PriceTable(HTMLService):
    """A page made from a template."""

    template = (
        "<table>{% for item in items %}"
        "<tr><td>{{ item.name }}</td><td>{{ item.price|floatformat:2 }}</td></tr>"
        "{% endfor %}</table>"
    )

    def handle(self):
        items = [{"name": "Tea & milk", "price": 2.5}, {"name": "Coffee", "price": 3}]
        self.set_html_payload({"items": items}, self.template)


class Pixel(Service):
    """A picture."""

    def handle(self):
        picture = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
        self.response.payload = base64.b64decode(picture)
        self.response.content_type = "image/gif"
        self.response.headers["Cache-Control"] = "no-store"


class Redirect(Service):
    """Sends a browser elsewhere."""

    class SimpleIO:
        input_required = ("code",)

    def handle(self):
        self.response.headers["Location"] = "https://example.com/" + self.request.input.code
        self.response.status_code = 302
