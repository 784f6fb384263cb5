"""Objects in clouds, indexes of search engines, and an ERP."""

from __future__ import absolute_import, division, print_function, unicode_literals

from zato.server.service import Service


class StoreReceipt(Service):
    """Puts a receipt into S3."""

    class SimpleIO:
        input_required = ("number", "text")
        output_optional = ("key",)

    def handle(self):
        key = "receipts/{}.txt".format(self.request.input.number)
        with self.cloud.aws.s3["Receipts"].conn.client() as client:
            client.set(key, self.request.input.text, content_type="text/plain")
        self.response.payload.key = key


class DistributeInvoice(Service):
    """Puts an invoice into containers of Swift, one for each target."""

    class SimpleIO:
        input_required = ("number", "target")
        output_optional = ("stored",)
        output_repeated = True

    def handle(self):
        targets = self.request.input.target
        if not isinstance(targets, list):
            targets = [targets]
        swift = self.cloud.openstack.swift["Invoices"].conn
        with swift.client() as client:
            for target in targets:
                client.put_container(target)
                client.put_object(target, self.request.input.number, self.request.raw_request)
                _, objects = client.get_container(target)
                for item in objects:
                    self.response.payload.append({"stored": target + "/" + item["name"]})


class IndexBook(Service):
    """Puts a book into Elasticsearch and finds it by its title."""

    def handle(self):
        book = self.request.payload
        es = self.search.es["Books"].conn
        es.index(index="books", id=book["isbn"], document=book, refresh=True)
        found = es.search(index="books", query={"match": {"title": book["title"]}})
        self.response.payload = {"found": [hit["_source"]["isbn"] for hit in found["hits"]["hits"]]}


class PartnersOfErp(Service):
    """Reads partners of an Odoo."""

    def handle(self):
        with self.outgoing.odoo["ERP"].conn.client() as client:
            model = client.get_model("res.partner")
            numbers = model.search([("name", "!=", "")])
            partners = model.read(numbers, ["name"])
        self.response.payload = {"names": sorted(partner["name"] for partner in partners)}
