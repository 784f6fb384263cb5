"""The service graphql.execute: carries out a request once its caller is known."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hansa import (
    Binding,
    Dispatch,
    Format,
    HansaError,
    Misused,
    NotAllowed,
    Request,
    Response,
    Service,
    TimedOut,
    deadline,
    time_left,
)

from .limits import TooComplex, check_limits
from .protocol import (
    JSON,
    Asked,
    answer,
    asked_by,
    content_type_for,
    failure,
    shaped,
    shaped_graphql,
)
from .settings import EXECUTE, GraphqlSettings

if TYPE_CHECKING:
    from graphql import DocumentNode, GraphQLError, GraphQLSchema

    from .channel import GraphqlChannel
    from .schema import Schema

log = logging.getLogger("hansa.graphql")
CHANNEL = "graphql_channel"
"""The name in a request's `extra` of its channel."""
MOST_ERRORS = 20
"""Errors of validation that are told of one request."""


class GraphqlExecute(Service):
    """Carries out a GraphQL request: each of its fields is resolved by a service."""

    name = EXECUTE

    @classmethod
    def compile(cls, binding: Binding) -> Dispatch:
        """Build the callable that handles a request."""

        def call(request: Request) -> Response:
            channel: GraphqlChannel | None = request.extra.get(CHANNEL)
            if channel is None:
                raise Misused(f"{EXECUTE} is called by channels of type graphql alone")
            content_type = content_type_for(request.headers)
            asked = asked_by(request)
            schema = channel.current_schema()
            with deadline(channel.config.timeout):
                return _carried_out(schema, asked, request, channel.config, content_type)

        return call

    @classmethod
    def fail(cls, error: BaseException, request: Request, format: Format | None) -> Response:
        """Return an error in the shape of GraphQL."""
        return failure(error, request)


def _carried_out(
    known: Schema,
    asked: Asked,
    request: Request,
    config: GraphqlSettings,
    content_type: str,
) -> Response:
    from graphql import GraphQLError, execute_sync

    cid = request.cid
    refused = 200 if content_type == JSON else 400
    try:
        document, faults = _document(known, asked, config)
    except RecursionError:
        error = TooComplex("fields or fragments are within each other too deeply")
        return answer({"errors": [shaped(error, cid)]}, content_type, refused, cid)
    except GraphQLError as error:
        return answer({"errors": [shaped_graphql(error, cid)]}, content_type, refused, cid)
    except HansaError as error:
        return answer({"errors": [shaped(error, cid)]}, content_type, refused, cid)
    if faults:
        errors = [shaped_graphql(one, cid) for one in faults]
        return answer({"errors": errors}, content_type, refused, cid)
    _refuse_changes_by_get(document, asked, request)
    result = execute_sync(
        known.schema,
        document,
        context_value=request,
        variable_values=dict(asked.variables),
        operation_name=asked.operation,
        max_coercion_errors=MOST_ERRORS,
        hide_suggestions=not config.introspection,
    )
    body: dict[str, object] = {}
    if result.errors:
        for one in result.errors:
            if one.path and not isinstance(one.original_error, HansaError):
                log.error("%s: %s", ".".join(map(str, one.path)), one.message)
        body["errors"] = [shaped_graphql(one, cid) for one in result.errors]
    # without data nothing was executed, such as for lack of a variable
    executed = result.data is not None or any(one.path for one in result.errors or ())
    if executed:
        body["data"] = result.data
    return answer(body, content_type, 200 if executed else refused, cid)


def _document(
    known: Schema, asked: Asked, config: GraphqlSettings
) -> tuple[DocumentNode, list[GraphQLError]]:
    """Return the document of a request, and which rules of GraphQL it breaks."""
    from graphql import parse

    document = known.documents.find(asked.query)
    if document is not None:
        return document, []
    most = config.max_tokens
    document = parse(asked.query, max_lexical_tokens=most, max_comments=most)
    check_limits(known.schema, document, config)
    faults = _faults(known.schema, document, config)
    if not faults:
        known.documents.keep(asked.query, document)
    return document, faults


def _faults(
    schema: GraphQLSchema, document: DocumentNode, config: GraphqlSettings
) -> list[GraphQLError]:
    from graphql import NoSchemaIntrospectionCustomRule, specified_rules, validate

    rules = list(specified_rules)
    if not config.introspection:
        rules.append(NoSchemaIntrospectionCustomRule)
    return validate(
        schema,
        document,
        rules,
        max_errors=MOST_ERRORS,
        hide_suggestions=not config.introspection,
    )


def _refuse_changes_by_get(document: DocumentNode, asked: Asked, request: Request) -> None:
    from graphql import OperationType, get_operation_ast

    if request.method == "POST":
        return
    operation = get_operation_ast(document, asked.operation)
    if operation is not None and operation.operation is not OperationType.QUERY:
        raise NotAllowed("only queries are sent by GET", headers={"Allow": "POST"})


def resolve(request: Request, service: str, arguments: Mapping[str, Any]) -> Any:
    """Return what the service of a field answers; raises its error.

    It gets the arguments as its input, and what else the caller has sent.
    """
    channel: GraphqlChannel = request.extra[CHANNEL]
    if not time_left():
        raise TimedOut("the deadline of the request has passed")
    inner = Request(
        payload=dict(arguments),
        headers=request.headers,
        method=request.method,
        path=request.path,
        peer=request.peer,
        environ=request.environ,
        certificates=request.certificates,
        cid=request.cid,
        extra=request.extra,
    )
    inner.principal = request.principal
    response = channel.server.handle(service, inner, type="graphql", channel=channel.name)
    if response.error is not None:
        raise _raised(response.error)
    if not response.ok or response.status >= 400:
        error = HansaError(f"the service has answered with the status {response.status}")
        error.status = response.status
        raise error
    return response.payload


def _raised(error: BaseException) -> Exception:
    """Return the error of a service as one that graphql-core takes for a field's."""
    if isinstance(error, Exception):
        return error
    return HansaError()
