"""Clients of other people's SOAP services, and SOAP services of our own."""

from __future__ import absolute_import, division, print_function, unicode_literals

from lxml import etree, objectify

from zato.common import ZatoException
from zato.server.service import Boolean, Integer, Service

VAT = "urn:example:vat"

REQUEST = """
<vat:Check xmlns:vat="urn:example:vat"><vat:number>{}</vat:number></vat:Check>
"""


class CheckVat(Service):
    """Asks a SOAP service by an envelope of plain strings."""

    class SimpleIO:
        input_required = ("number",)
        output_required = (Boolean("is_valid"),)
        output_optional = ("holder",)

    def handle(self):
        vat = self.outgoing.soap.get("VAT").conn
        response = vat.post(self.cid, REQUEST.format(self.request.input.number))
        if not response.ok:
            raise ZatoException(self.cid, "VAT service: {}".format(response.status_code))
        root = etree.fromstring(response.content)
        found = root.find(".//{%s}CheckResponse" % VAT)
        self.response.payload.is_valid = found.findtext("{%s}valid" % VAT)
        self.response.payload.holder = found.findtext("{%s}holder" % VAT)


class QuoteCarriage(Service):
    """Asks a SOAP service by its WSDL."""

    class SimpleIO:
        input_required = ("country", Integer("weight"))
        output_optional = ("price", "carrier")

    def handle(self):
        conn = self.outgoing.soap["Carrier"].conn
        with conn.client() as client:
            quote = client.service.Quote(self.request.input.country, self.request.input.weight)
            self.response.payload.price = quote.price
            self.response.payload.carrier = quote.carrier


class RegisterClaim(Service):
    """A SOAP service of our own, with a namespace, whose fields are read by their names."""

    class SimpleIO:
        request_elem = "register_claim"
        response_elem = "register_claim_response"
        namespace = "https://example.com/ns/claims"
        input_required = ("policy", Integer("amount"))
        input_optional = ("is_urgent",)
        output_required = ("claim_id", "is_urgent")

    def handle(self):
        number = self.kvdb.conn.incr("claims:last")
        self.kvdb.conn.hset("claims", number, self.request.input.policy)
        self.response.payload.claim_id = number
        self.response.payload.is_urgent = (
            self.request.input.is_urgent or self.request.input.amount > 10000
        )


class RawClaim(Service):
    """A SOAP service that reads the element itself."""

    def handle(self):
        claim = self.request.payload
        photos = [photo.text for photo in claim.photos.photo]
        answer = objectify.Element("claim_received")
        answer.policy = claim.policy.text
        answer.photos = len(photos)
        self.response.payload = etree.tostring(answer).decode("utf8")
