"""Files of partners: over FTP, from a pick-up folder, and in the local file system."""

from __future__ import absolute_import, division, print_function, unicode_literals

import csv
import os
import tempfile
from cStringIO import StringIO

from lxml import etree

from zato.server.service import Integer, Service


class UploadPriceList(Service):
    """Writes the prices that it is given into a file at the partner's."""

    class SimpleIO:
        input_required = ("file_name",)
        input_optional = ("prices",)
        output_optional = (Integer("size"),)

    def handle(self):
        out = StringIO()
        writer = csv.writer(out, delimiter=str(";"))
        for sku, price in sorted(self.request.payload["prices"].iteritems()):
            writer.writerow([sku, price])
        ftp = self.outgoing.ftp.get("Partner")
        if not ftp.exists("prices"):
            ftp.makedir("prices")
        path = "prices/{}".format(self.request.input.file_name)
        ftp.setcontents(path, out.getvalue())
        self.response.payload.size = ftp.getsize(path)


class ReadPriceList(Service):
    """Reads such a file line by line."""

    class SimpleIO:
        input_required = ("file_name",)
        output_optional = ("sku", "price")
        output_repeated = True

    def handle(self):
        ftp = self.outgoing.ftp.get("Partner")
        with ftp.open("prices/{}".format(self.request.input.file_name), "r") as source:
            for sku, price in csv.reader(source, delimiter=str(";")):
                self.response.payload.append({"sku": sku, "price": price})


class ArchivePriceLists(Service):
    """Moves all files of a folder at the partner's into another one."""

    def handle(self):
        ftp = self.outgoing.ftp.get("Partner")
        if not ftp.exists("archive"):
            ftp.makedir("archive")
        moved = []
        for name in ftp.listdir("prices"):
            name = os.path.basename(name)
            ftp.rename("prices/" + name, "archive/" + name)
            moved.append(name)
        self.response.payload = {"moved": sorted(moved), "left": ftp.listdir("prices")}


class TakeOrders(Service):
    """Takes the CSV file that has been put into a folder: counts in Redis."""

    def handle(self):
        text = self.request.raw_request
        if isinstance(text, bytes):
            text = text.decode("utf8")
        for row in csv.DictReader(StringIO(text)):
            self.kvdb.conn.hincrby("orders:picked-up", row["sku"], int(row["pieces"]))
        self.logger.info("Orders of %s characters taken", len(text))


class PickedUpOrders(Service):
    """What has been ordered by files."""

    def handle(self):
        self.response.payload = self.kvdb.conn.hgetall("orders:picked-up")


class ExportCatalogue(Service):
    """Writes a catalogue in XML to a local file and gives it back as a download."""

    class SimpleIO:
        input_required = ("name",)

    def handle(self):
        root = etree.Element("catalogue", name=self.request.input.name)
        for sku in ("A-1", "B-2"):
            etree.SubElement(root, "article").text = sku
        handle, path = tempfile.mkstemp(suffix=".xml")
        try:
            with os.fdopen(handle, "wb") as target:
                target.write(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
            with open(path, "rb") as source:
                self.response.payload = source.read().decode("utf8")
        finally:
            os.remove(path)
        self.response.content_type = "application/xml"
        self.response.headers["Content-Disposition"] = "attachment; filename=catalogue.xml"
