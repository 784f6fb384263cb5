"""Checks and conversions that ask nobody: numbers of accounts and cards, names in URLs, pages."""

import re
import unicodedata

from zato.common.exception import BadRequest
from zato.server.service import Int, Service

LETTERS = re.compile("[A-Z]")


class CheckIban(Service):
    """Whether a number of an account is right, by its check digits."""

    input = "iban"
    output = "iban", "is_valid", "-country"

    def handle(self):
        iban = self.request.input.iban.replace(" ", "").upper()
        self.response.payload.iban = iban
        if not re.match("^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$", iban):
            raise BadRequest(self.cid, "Not an IBAN", needs_msg=True)
        digits = LETTERS.sub(lambda found: str(ord(found[0]) - 55), iban[4:] + iban[:4])
        self.response.payload.is_valid = int(digits) % 97 == 1
        self.response.payload.country = iban[:2]


class CheckCards(Service):
    """Which numbers of cards are right, by the sum of Luhn."""

    class SimpleIO:
        input_required = ("numbers",)
        output_required = ("number", "is_right")
        output_repeated = True

    def handle(self):
        for number in self.request.input.numbers.split(","):
            digits = [int(digit) for digit in reversed(number)]
            doubled = [sum(divmod(digit * 2, 10)) for digit in digits[1::2]]
            right = (sum(digits[::2]) + sum(doubled)) % 10 == 0
            self.response.payload.append({"number": number, "is_right": right})


class Slug(Service):
    """The part of a URL that stands for a title, as plain text."""

    def handle(self):
        title = self.request.payload["title"]
        plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
        self.response.payload = re.sub("[^a-z0-9]+", "-", plain.lower()).strip("-")
        self.response.content_type = "text/plain"


class Pages(Service):
    """Where pages of a list begin: GET for one, POST for all; other verbs are refused."""

    class SimpleIO:
        input_required = (Int("size"),)
        input_optional = (Int("page"), Int("total"))
        output_optional = (Int("first"), "pages")

    def handle_GET(self):
        page = self.request.input.get("page") or 1
        self.response.payload.first = (page - 1) * self.request.input.size

    def handle_POST(self):
        size, total = self.request.input.size, self.request.input.get("total") or 0
        self.response.payload.pages = list(range(0, total, size))
