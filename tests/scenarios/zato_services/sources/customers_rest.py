"""Customers as a REST resource over SQL, in the style of Zato 2.0: one method for each verb."""

from __future__ import absolute_import, division, print_function, unicode_literals

from contextlib import closing
from httplib import CONFLICT, CREATED, NO_CONTENT, NOT_FOUND, OK

from zato.server.service import Integer, Service

FIELDS = "id", "name", "email", "credit_limit", "is_active"


class CustomerList(Service):
    """All customers, and new ones."""

    class SimpleIO:
        input_optional = ("name", "email", Integer("credit_limit"))
        output_optional = ("id", "name", "email", Integer("credit_limit"), "is_active", "error")
        output_repeated = True

    def handle_GET(self):
        with closing(self.outgoing.sql.get("Customers").session()) as session:
            query = "SELECT id, name, email, credit_limit, is_active FROM customer ORDER BY id"
            self.response.payload[:] = session.execute(query).fetchall()

    def handle_POST(self):
        self.request.input.require_any("name")
        with closing(self.outgoing.sql.get("Customers").session()) as session:
            params = {"email": self.request.input.email}
            found = session.execute("SELECT id FROM customer WHERE email = :email", params)
            if found.fetchone():
                self.response.status_code = CONFLICT
                self.response.payload.append({"error": "There is already such a customer"})
                return
            session.execute(
                "INSERT INTO customer (name, email, credit_limit, is_active) "
                "VALUES (:name, :email, :credit_limit, 1)",
                {
                    "name": self.request.input.name,
                    "email": self.request.input.email,
                    "credit_limit": self.request.input.get("credit_limit") or 0,
                },
            )
            new = session.execute("SELECT * FROM customer WHERE email = :email", params).fetchone()
            session.commit()
        self.response.status_code = CREATED
        self.response.headers["Location"] = "/customers/{}".format(new["id"])
        self.response.payload.append(dict(new.items()))


class CustomerDetails(Service):
    """One customer by its number in the path."""

    class SimpleIO:
        input_required = ("cust_id",)
        input_optional = ("name", "email", "credit_limit")
        output_optional = ("id", "name", "email", Integer("credit_limit"), "is_active")

    def _find(self, session):
        query = "SELECT * FROM customer WHERE id = :id AND is_active = 1"
        row = session.execute(query, {"id": self.request.input.cust_id}).fetchone()
        if not row:
            self.logger.info("No such customer %s, cid:%s", self.request.input.cust_id, self.cid)
            self.response.status_code = NOT_FOUND
        return row

    def handle_GET(self):
        with closing(self.outgoing.sql.get("Customers").session()) as session:
            row = self._find(session)
            if row:
                self.response.payload = row
                self.response.status_code = OK

    def handle_PUT(self):
        with closing(self.outgoing.sql.get("Customers").session()) as session:
            row = self._find(session)
            if not row:
                return
            changed = dict(row.items())
            for name in ("name", "email", "credit_limit"):
                if self.request.input.get(name):
                    changed[name] = self.request.input[name]
            session.execute(
                "UPDATE customer SET name = :name, email = :email, credit_limit = :credit_limit "
                "WHERE id = :id",
                changed,
            )
            session.commit()
            for name in FIELDS:
                setattr(self.response.payload, name, changed[name])

    def handle_DELETE(self):
        with closing(self.outgoing.sql.get("Customers").session()) as session:
            if self._find(session):
                query = "UPDATE customer SET is_active = 0 WHERE id = :id"
                session.execute(query, {"id": self.request.input.cust_id})
                session.commit()
                self.response.status_code = NO_CONTENT


class SearchCustomers(Service):
    """Finds customers by a part of their name, a page at a time."""

    class SimpleIO:
        input_required = ("query",)
        input_optional = (Integer("page"), Integer("page_size"))
        output_optional = ("id", "name")
        output_repeated = True
        response_elem = "customers"
        default_value = "1"

    def handle(self):
        size = min(int(self.request.input.page_size), 50)
        first = (int(self.request.input.page) - 1) * size
        with closing(self.outgoing.sql.get("Customers").session()) as session:
            rows = session.execute(
                "SELECT id, name FROM customer WHERE lower(name) LIKE :query "
                "ORDER BY name LIMIT :size OFFSET :first",
                {
                    "query": "%{}%".format(self.request.input.query.lower()),
                    "size": size,
                    "first": first,
                },
            )
            for row in rows:
                self.response.payload.append({"id": row.id, "name": row.name})


class CreditReport(Service):
    """Sums up what is lent, as plain JSON without a declaration."""

    def handle(self):
        with closing(self.outgoing.sql.get("Customers").session()) as session:
            total, count, highest = session.execute(
                "SELECT sum(credit_limit), count(*), max(credit_limit) FROM customer"
            ).fetchone()
        self.response.payload = {
            "total": total,
            "average": total // count if count else 0,
            "highest": highest,
        }
