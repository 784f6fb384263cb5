"""A ledger of stock in PostgreSQL, with rows locked while they are counted; XML and JSON."""

from __future__ import absolute_import, division, print_function, unicode_literals

import logging
from contextlib import closing
from traceback import format_exc

from zato.common import ZatoException
from zato.server.service import Integer, Service, Unicode

logger = logging.getLogger(__name__)


class ReserveStock(Service):
    """Takes pieces of an article if there are enough."""

    class SimpleIO:
        request_elem = "reserve_request"
        response_elem = "reserve_response"
        input_required = (Unicode("sku"), Integer("pieces"))
        output_required = ("is_reserved", Integer("left"))

    def handle(self):
        pieces = self.request.input.pieces
        session = self.outgoing.sql.get("Stock").session()
        try:
            row = session.execute(
                "SELECT pieces FROM stock WHERE sku = :sku FOR UPDATE",
                {"sku": self.request.input.sku},
            ).fetchone()
            left = row[0] if row else 0
            reserved = left >= pieces
            if reserved:
                left -= pieces
                session.execute(
                    "UPDATE stock SET pieces = :left WHERE sku = :sku",
                    {"left": left, "sku": self.request.input.sku},
                )
            session.commit()
        except Exception:
            logger.error("Could not reserve, e:`%s`", format_exc())
            session.rollback()
            raise ZatoException(self.cid, "Could not reserve")
        finally:
            session.close()
        self.response.payload.is_reserved = reserved
        self.response.payload.left = left


class StockLevels(Service):
    """What is there of each article."""

    class SimpleIO:
        response_elem = "stock_levels"
        namespace = "https://example.com/ns/stock"
        output_required = ("sku", Integer("pieces"), "is_low")
        output_repeated = True

    def handle(self):
        with closing(self.outgoing.sql.get("Stock").session()) as session:
            for row in session.execute("SELECT sku, pieces FROM stock ORDER BY sku"):
                low = row.pieces < 5
                self.response.payload.append({"sku": row.sku, "pieces": row.pieces, "is_low": low})


class MoveStock(Service):
    """Moves pieces from one article to another through two other services' calls."""

    class SimpleIO:
        input_required = ("source", "target", Integer("pieces"))
        output_optional = ("result",)

    def handle(self):
        given = self.request.input
        taken = self.invoke(
            "stock-ledger.reserve-stock", {"sku": given.source, "pieces": given.pieces}
        )
        if not taken["reserve_response"]["is_reserved"]:
            self.response.payload.result = "not enough"
            return
        with closing(self.outgoing.sql.get("Stock").session()) as session:
            session.execute(
                "UPDATE stock SET pieces = pieces + :pieces WHERE sku = :sku",
                {"pieces": given.pieces, "sku": given.target},
            )
            session.commit()
        self.response.payload.result = "moved"
