"""An issuer of access tokens: Authlib's authorization server, as a WSGI application on loopback."""

from __future__ import annotations

import itertools
import json
import ssl
import threading
import time
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request, TokenMixin
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc.jwk import JWKRegistry, Key

CLIENT = "hansa: 50 %41"
SECRET = "s3cret of the client: +/%41&é"
REFRESH = "refresh-0"
METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
SCOPES = ("orders.read", "orders.write")


class Client(ClientMixin):
    """The one client."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer

    def get_client_id(self) -> str:
        return CLIENT

    def get_allowed_scope(self, scope: Any) -> str:
        return scope or ""

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in self.issuer.methods

    def check_grant_type(self, grant_type: str) -> bool:
        return True


class RefreshToken(TokenMixin):
    """A refresh token that was issued."""

    def check_client(self, client: Any) -> bool:
        return True

    def get_scope(self) -> str:
        return "orders.read"


class OfClients(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS


class OfUsers(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Any:
        issuer: Issuer = self.server.issuer
        return RefreshToken() if refresh_token == issuer.refresh_token else None

    def authenticate_user(self, refresh_token: Any) -> str:
        return "alice"

    def revoke_old_credential(self, refresh_token: Any) -> None:
        pass  # there is one refresh token at a time, and it has been replaced


class Assertion(JWTBearerClientAssertion):
    """private_key_jwt, with each token accepted once."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, issuer: Issuer) -> None:
        super().__init__()
        self.issuer = issuer

    def get_audiences(self) -> list[str]:
        return [self.issuer.audience or self.issuer.url]

    def validate_jti(self, claims: Any, jti: str) -> bool:
        is_new = jti not in self.issuer.assertions
        self.issuer.assertions.add(jti)
        return is_new

    def resolve_client_public_key(self, client: Any) -> Key:
        assert self.issuer.key is not None
        return JWKRegistry.import_key(self.issuer.key)


class Server(AuthorizationServer):
    """Authlib's server without a framework."""

    def __init__(self, issuer: Issuer) -> None:
        super().__init__(scopes_supported=list(SCOPES))
        self.issuer = issuer
        self.register_grant(OfClients)
        self.register_grant(OfUsers)
        self.register_client_auth_method("private_key_jwt", Assertion(issuer))
        generator = BearerTokenGenerator(
            issuer.new_token, issuer.new_refresh_token, lambda *_: issuer.lifetime
        )
        self.register_token_generator("default", generator)

    def query_client(self, client_id: str) -> Any:
        return Client(self.issuer) if client_id == CLIENT else None

    def save_token(self, token: Any, request: Any) -> None:
        pass

    def send_signal(self, *_: Any, **__: Any) -> None:
        pass

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        form, headers = request
        made = FormRequest("POST", "http://localhost:1/token", headers=headers)
        made.fields = {name: values[0] for name, values in form.items()}
        made.payload = BasicOAuth2Payload(made.fields)
        return made

    def handle_response(self, status: int, body: Any, headers: Any) -> Any:
        return status, json.dumps(body).encode()


class FormRequest(OAuth2Request):
    fields: dict[str, str]

    @property
    def form(self) -> dict[str, str]:
        return self.fields


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


class Listener(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Issuer:
    """Issues tokens at `url`, and has an API at `/api` that takes them.

    `forms` are the requests that it got, `tokens` those that are valid. A `status` other than 200
    is answered with `answer`, which also replaces a token; `delay` is in seconds, and while
    `answering` is not set nothing is answered at all.
    """

    def __init__(self) -> None:
        self.methods = ["client_secret_basic"]
        self.lifetime: Any = 3600
        self.delay = 0.0
        self.answering = threading.Event()
        self.answering.set()
        self.status = 200
        self.answer: bytes | None = None
        self.key: Any = None
        self.audience = ""
        self.assertions: set[str] = set()
        self.forms: list[dict[str, list[str]]] = []
        self.headers: list[dict[str, str]] = []
        self.tokens: list[str] = []
        self.refresh_token = REFRESH
        self.port = 0
        self._numbers = itertools.count(1)
        self._authorization = Server(self)
        self._lock = threading.Lock()
        self._listener: Listener | None = None
        self.start()
        self.url = f"http://127.0.0.1:{self.port}/token"

    def new_token(self, **_: Any) -> str:
        token = f"token-{next(self._numbers)}-of-the-issuer"
        self.tokens.append(token)
        return token

    def new_refresh_token(self, **_: Any) -> str:
        self.refresh_token = f"refresh-{next(self._numbers)}-of-the-issuer"
        return self.refresh_token

    def _is_valid(self, authorization: str) -> bool:
        token = authorization.removeprefix("Bearer ")
        return token in self.tokens

    def start(self, context: ssl.SSLContext | None = None) -> None:
        """Listen, again on the same port; over TLS with a context."""
        self._listener = Listener(("127.0.0.1", self.port), Quiet)
        if context is not None:
            plain = self._listener.socket
            self._listener.socket = context.wrap_socket(plain, server_side=True)
        self._listener.set_app(self._serve)
        self.port = self._listener.server_port
        threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Be down."""
        if self._listener is not None:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener = None

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/api":
            status = 200 if self._is_valid(environ.get("HTTP_AUTHORIZATION", "")) else 401
            start_response(f"{status} X", [("Content-Type", "application/json")])
            return [b"{}"]
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
        form = parse_qs(body, keep_blank_values=True)
        headers = {
            key[5:].replace("_", "-").title(): value
            for key, value in environ.items()
            if key.startswith("HTTP_")
        }
        with self._lock:
            self.forms.append(form)
            self.headers.append(headers)
        self.answering.wait(10)
        time.sleep(self.delay)
        status = self.status
        answer = self.answer
        if status == 200 and answer is None:
            with self._lock:
                status, answer = self._authorization.create_token_response((form, headers))
        start_response(f"{status} X", [("Content-Type", "application/json")])
        return [answer or b""]
