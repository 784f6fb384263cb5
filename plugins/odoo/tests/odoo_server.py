"""A stand-in for Odoo, written from its documents: `PORT PASSWORD [CERTIFICATE]`.

It has one database, `test`, one user, `hansa`, whose password is also the API key, contacts in
memory, and both protocols: `/json/2/MODEL/METHOD` and `/xmlrpc/2/SERVICE`. What Odoo would refuse
it refuses, too.
"""

from __future__ import annotations

import inspect
import itertools
import json
import ssl
import sys
import threading
import traceback
import xmlrpc.client
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DATABASE, USER, UID = "test", "hansa", 7
FIELDS = {"name": str, "email": str, "is_company": bool, "credit": float, "date": str}


class OdooError(Exception):
    """One of Odoo's exceptions: `status` is that of JSON-2, `fault_code` that of XML-RPC."""

    name, status, fault_code = "odoo.exceptions.UserError", 422, 2


class AccessDenied(OdooError):
    name, status, fault_code = "odoo.exceptions.AccessDenied", 401, 3


class AccessError(OdooError):
    name, status, fault_code = "odoo.exceptions.AccessError", 403, 4


class MissingError(OdooError):
    name, status, fault_code = "odoo.exceptions.MissingError", 404, 2


class ValidationError(OdooError):
    name, status, fault_code = "odoo.exceptions.ValidationError", 422, 2


class NoSuch(OdooError):
    name, status, fault_code = "werkzeug.exceptions.NotFound", 404, 1


class Unprocessable(OdooError):
    name, status, fault_code = "werkzeug.exceptions.UnprocessableEntity", 422, 1


class Contacts:
    """The model res.partner: methods that begin with `of_` are of records."""

    def __init__(self) -> None:
        self.records: dict[int, dict[str, Any]] = {}
        self.numbers = itertools.count(1)
        self.lock = threading.RLock()

    def search(self, domain, offset=0, limit=None, order=None):
        found = [number for number in sorted(self.records) if self._meets(number, list(domain))]
        if order not in (None, "id", "id desc", "name"):
            raise ValidationError(f"cannot sort by {order}")
        if order == "id desc":
            found.reverse()
        if order == "name":
            found.sort(key=lambda number: self.records[number]["name"])
        return found[offset : None if limit is None else offset + limit]

    def search_count(self, domain, limit=None):
        return len(self.search(domain, limit=limit))

    def search_read(self, domain=None, fields=None, offset=0, limit=None, order=None):
        return self.of_read(self.search(domain or [], offset, limit, order), fields)

    def create(self, vals_list):
        several = [vals_list] if isinstance(vals_list, dict) else vals_list
        for values in several:
            self._check(values)
            if not values.get("name"):
                raise ValidationError("Contacts require a name")
        made = []
        for values in several:
            number = next(self.numbers)
            self.records[number] = {"id": number, **dict.fromkeys(FIELDS, False), **values}
            made.append(number)
        return made[0] if isinstance(vals_list, dict) else made

    def of_read(self, ids, fields=None, load="_classic_read"):
        names = fields or ["id", *FIELDS]
        for name in names:
            if name != "id" and name not in FIELDS:
                raise ValidationError(f"Invalid field {name!r} on 'res.partner'")
        self._there(ids)
        return [{name: self.records[number][name] for name in {"id", *names}} for number in ids]

    def of_write(self, ids, vals):
        self._there(ids)
        self._check(vals)
        for number in ids:
            self.records[number].update(vals)
        return True

    def of_unlink(self, ids):
        self._there(ids)
        for number in ids:
            if self.records[number]["name"] == "Administrator":
                raise AccessError("You are not allowed to delete this contact")
            del self.records[number]
        return True

    def of_message_post(self, ids, *, body="", attachments=()):
        self._there(ids)

    def context_get(self):
        return {"lang": "en_US", "tz": "UTC"}

    def echo(self, value=None):
        return value

    def answer_with_context(self):
        return {}

    def _check(self, values):
        if not isinstance(values, dict):
            raise Unprocessable("values must be a dictionary")
        for name, value in values.items():
            if name not in FIELDS:
                raise ValidationError(f"Invalid field {name!r} on 'res.partner'")
            kind = (int, float) if FIELDS[name] is float else FIELDS[name]
            if value is not False and not isinstance(value, kind):
                raise ValidationError(f"Wrong value for {name}: {value!r}")

    def _there(self, ids):
        if not isinstance(ids, list) or not all(type(number) is int for number in ids):
            raise Unprocessable("ids must be numbers")
        if gone := [number for number in ids if number not in self.records]:
            raise MissingError(f"Record does not exist or has been deleted. (Record: {gone})")

    def _meets(self, number, domain):
        terms = list(domain)
        verdicts: list[bool] = []
        for term in reversed(terms):
            if term == "!":
                verdicts.append(not verdicts.pop())
            elif term in ("&", "|"):
                one, other = verdicts.pop(), verdicts.pop()
                verdicts.append(one and other if term == "&" else one or other)
            else:
                verdicts.append(self._holds(number, term))
        return all(verdicts)

    def _holds(self, number, term):
        if not isinstance(term, list | tuple) or len(term) != 3:
            raise ValidationError(f"Invalid domain term {term!r}")
        name, operator, wanted = term
        if name != "id" and name not in FIELDS:
            raise ValidationError(f"Invalid field res.partner.{name}")
        value = self.records[number][name]
        operators = {
            "=": lambda: value == wanted,
            "!=": lambda: value != wanted,
            ">": lambda: value > wanted,
            "<": lambda: value < wanted,
            "in": lambda: value in wanted,
            "ilike": lambda: str(wanted).lower() in str(value).lower(),
        }
        if operator not in operators:
            raise ValidationError(f"Invalid operator {operator!r}")
        return operators[operator]()


class Odoo:
    """Dispatches to models; `password` is also the API key."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.contacts = Contacts()

    def method(self, model, name):
        if model not in ("res.partner", "res.users"):
            raise NoSuch(f"the model {model!r} does not exist")
        if name.startswith(("_", "of_")):
            raise AccessError(
                f"Private methods (such as '{model}.{name}') cannot be called remotely"
            )
        of_records = hasattr(self.contacts, f"of_{name}")
        found = getattr(self.contacts, f"of_{name}" if of_records else name, None)
        if not callable(found):
            raise NoSuch(f"The method '{model}.{name}' does not exist")
        return found, of_records

    def call(self, found, arguments, named):
        try:
            inspect.signature(found).bind(*arguments, **named)
        except TypeError as error:
            raise Unprocessable(str(error)) from None
        with self.contacts.lock:
            return found(*arguments, **named)

    # -- XML-RPC -----------------------------------------------------------------------------------

    def common(self, method, arguments):
        if method == "version":
            return {"server_version": "18.0", "protocol_version": 1}
        if method != "authenticate":
            raise NoSuch(method)
        database, user, password, _ = arguments
        return UID if (database, user, password) == (DATABASE, USER, self.password) else False

    def object(self, method, arguments):
        if method != "execute_kw":
            raise NoSuch(method)
        database, uid, password, model, name, positional, *rest = arguments
        if (database, uid, password) != (DATABASE, UID, self.password):
            raise AccessDenied("Access Denied")
        named = dict(rest[0]) if rest else {}
        context = named.pop("context", {})
        found, _ = self.method(model, name)
        if name == "answer_with_context":
            return context
        return self.call(found, positional, named)

    def xml_rpc(self, service, body):
        try:
            arguments, method = xmlrpc.client.loads(body, use_builtin_types=True)
            result = {"common": self.common, "object": self.object}[service](method, arguments)
            return xmlrpc.client.dumps((result,), methodresponse=True, allow_none=False)
        except OdooError as error:
            text = str(error) if error.fault_code != 1 else traceback.format_exc()
            fault = xmlrpc.client.Fault(error.fault_code, text)
        except Exception:
            fault = xmlrpc.client.Fault(1, traceback.format_exc())
        return xmlrpc.client.dumps(fault, methodresponse=True)

    # -- JSON-2 ------------------------------------------------------------------------------------

    def json_2(self, path, headers, body):
        scheme, _, key = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key != self.password:
            raise AccessDenied("Invalid apikey")
        if headers.get("X-Odoo-Database", DATABASE) != DATABASE:
            raise NoSuch("there is no such database")
        if headers.get_content_type() != "application/json":
            raise Unprocessable("the content type must be application/json")
        _, _, _, model, name = path.split("/")
        named = json.loads(body)
        if not isinstance(named, dict):
            raise Unprocessable("the body must be an object")
        ids, context = named.pop("ids", []), named.pop("context", {})
        found, of_records = self.method(model, name)
        if name == "answer_with_context":
            return context
        if ids and not of_records:
            raise Unprocessable(f"cannot call {model}.{name} with ids")
        return self.call(found, [ids] if of_records else [], named)


ODD: dict[str, tuple[int, str, bytes]] = {
    "doctype": (
        200,
        "text/xml",
        b'<!DOCTYPE a [<!ENTITY x "y">]><methodResponse><params><param><value>'
        b"<string>&x;</string></value></param></params></methodResponse>",
    ),
    "deep": (200, "text/xml", b"<methodResponse><params><param>" + b"<value><array><data>" * 500),
    "html": (200, "text/html", b"<html>a proxy</html>"),
    "gone": (502, "text/html", b"<html>bad gateway http://10.0.0.1/secret</html>"),
    "moved": (302, "text/html", b""),
}
"""Answers that Odoo does not give, by the name of the contact that is looked for."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(405, "text/html", b"")

    def do_GET(self) -> None:
        if self.path == "/web/login":
            return self.answer(200, "text/html", b"<html>log in</html>")
        return self.answer(404, "text/html", b"<html>not found</html>")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for name, odd in ODD.items():
            if f"odd:{name}".encode() in body:
                return self.answer(*odd)
        if self.path.startswith("/xmlrpc/2/"):
            text = odoo.xml_rpc(self.path.rpartition("/")[2], body)
            return self.answer(200, "text/xml", text.encode())
        if self.path.startswith("/json/2/"):
            return self.json_2(body)
        return self.answer(404, "text/html", b"<html>not found</html>")

    def json_2(self, body: bytes) -> None:
        status, told = 200, None
        try:
            told = odoo.json_2(self.path, self.headers, body)
        except OdooError as error:
            status = error.status
            told = self.told(error.name, str(error))
        except Exception as error:
            status = 500
            told = self.told(f"builtins.{type(error).__name__}", str(error))
        self.answer(status, "application/json; charset=utf-8", json.dumps(told).encode())

    def told(self, name: str, message: str) -> dict[str, Any]:
        return {
            "name": name,
            "message": message,
            "arguments": [message],
            "context": {},
            "debug": "Traceback",
        }

    def answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/web/login")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests."""


if __name__ == "__main__":
    odoo = Odoo(sys.argv[2])
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3])
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.serve_forever()
