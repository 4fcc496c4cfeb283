"""The `POST /graphql` endpoint: authenticates a request, executes its operation and writes the answer."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from graphql import GraphQLError, GraphQLFormattedError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import PreExecutionError

from app.browser import cookies
from app.browser.cookies import SessionCookies
from app.graphql.error_messages import public_error
from app.graphql.execution import ServedSchema
from app.graphql.known_device import is_sign_in_of_known_device
from app.graphql.trusted_documents import TrustedDocuments
from app.graphql.unavailable_answers import RETRY_AFTER, is_unanswered
from app.http import request_body
from app.http.authentication import Credential, Unauthenticated
from app.http.client_address import address_of
from app.http.json_answers import error_response, json_response
from app.http.media_types import error_type
from app.http.request_rate import RequestRate, TooManyRequests, too_many_requests
from models.connections.connection_limit import limited_connections
from models.connections.deadline import within
from permissions.caller import Caller
from permissions.error_codes import ErrorCode
from permissions.errors import UNKNOWN_TOKEN
from permissions.events.origin import Origin, acting
from permissions.events.values import Source
from permissions.ip_network import network_of, site_of
from resolvers.context import BrowserCookies, Context
from resolvers.export.document import MOST_BYTES
from resolvers.hashing.anonymous_queue import AnonymousQueue
from resolvers.hashing.worker_pool import from_site

CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
"""The header that every answer with status 401 has."""

AUTHENTICATION_SECONDS: Final = 4
"""How long a request waits for its caller. A database that is slower than that is unavailable."""

MOST_ANSWER_BYTES: Final = MOST_BYTES + 100_000
"""The largest answer: an export of the largest size, and room for the rest of the answer."""
ANSWER_TOO_LARGE: Final = (
    f"The answer has more than {MOST_BYTES // 1_000_000} MB. Use smaller pages, fewer ids or several documents. "
    "A mutation took effect all the same."
)


class Endpoint:
    """Answers POST requests to one schema."""

    def __init__(
        self, schema: ServedSchema, documents: TrustedDocuments, rate: RequestRate, browser: SessionCookies
    ) -> None:
        self.schema = schema
        self.documents = documents
        self.rate = rate
        self.services = rate.services
        self.cookies = browser
        self.queue = AnonymousQueue()

    async def post(self, request: Request) -> Response:
        """Answers one request."""
        try:
            address = address_of(request)
            await self.rate.count_request(cookies.well_formed_credential(request), address)
            media_type = request_body.response_type(request)
            sent = await request_body.read_request(request)
            asked = replace(sent, query=self.documents.text_of(sent))
            browser = self.cookies.read(request)
            credential = cookies.credential(request)
            with from_site(site_of(address)):
                async with await self._lane(asked, browser) if credential is None else nullcontext():
                    context = Context(await self._caller(request, credential, address), self.services, browser)
                    with limited_connections(), acting(self._origin(context.caller)):
                        response = await self._executed(request, asked, context, media_type)
                    cookies.write(response, browser, self.services.now())
                    return response
        except request_body.RequestError as problem:
            # otherwise a client that sends its body slowly keeps the connection
            ended = {"Connection": "close"} if problem.status == 408 else {}
            return error_response(request, problem.status, problem.code, problem.message, problem.argument, **ended)
        except TooManyRequests as problem:
            return await too_many_requests(request, problem)
        except Unauthenticated:
            response = error_response(request, 401, ErrorCode.UNAUTHENTICATED, UNKNOWN_TOKEN, **CHALLENGE)
            if cookies.ACCESS in request.cookies:  # the refresh cookie can continue the session
                cookies.delete(response, cookies.ACCESS)
            return response
        except Exception as problem:  # noqa: BLE001  # `public_error` logs its kind and answers with an id
            errors = [public_error(GraphQLError("", original_error=problem)).formatted]
            return _unexecuted(errors, error_type(request.headers))

    def _origin(self, caller: Caller) -> Origin:
        """The origin of the security events of this request."""
        network = network_of(caller.address)
        return Origin(Source.REQUEST, self.services.keys, caller.subject_id, caller.role, network)

    async def _lane(
        self, asked: request_body.GraphQLRequest, browser: BrowserCookies
    ) -> AbstractAsyncContextManager[None]:
        """A slot of the queue for a request without a credential."""
        known = await is_sign_in_of_known_device(self.schema, self.services.keys, asked, browser)
        return self.queue.slot(known_device=known)

    async def _executed(
        self, request: Request, asked: request_body.GraphQLRequest, context: Context, media_type: str
    ) -> Response:
        try:
            result = await self.schema.execute(
                asked.query,
                variable_values=asked.variables,
                operation_name=asked.operation_name,
                context_value=context,
            )
        except (CannotGetOperationTypeError, InvalidOperationTypeError, MissingQueryError):
            return error_response(
                request,
                400,
                ErrorCode.GRAPHQL_VALIDATION_FAILED,
                "The document has no operation of this name and kind.",
                "operationName",
            )
        errors = [public_error(error).formatted for error in result.errors or []]
        content: dict[str, Any] = {"errors": errors} if errors else {}
        if not isinstance(result, PreExecutionError):
            extensions = {"extensions": result.extensions} if result.extensions else {}
            unanswered = is_unanswered(errors, result.data) and not context.has_committed
            status, headers = (503, RETRY_AFTER) if unanswered else (200, {})
            answer = json_response({"data": result.data, **content, **extensions}, status, media_type, **headers)
            if len(answer.body) > MOST_ANSWER_BYTES:
                return error_response(request, 400, ErrorCode.BAD_USER_INPUT, ANSWER_TOO_LARGE)
            return answer
        return _unexecuted(errors, media_type)

    async def _caller(self, request: Request, credential: Credential | None, address: str) -> Caller:
        found = self.rate.caller(credential, address)
        caller = await (within(AUTHENTICATION_SECONDS, found) if credential else found)
        return replace(caller, opts_out=request.headers.get("sec-gpc") == "1")


def _unexecuted(errors: Sequence[GraphQLFormattedError], media_type: str) -> Response:
    """The answer to a request whose operation did not run."""
    codes = {error["extensions"]["code"] for error in errors}
    status, headers = 400, {}
    if ErrorCode.UNAUTHENTICATED in codes:
        status, headers = 401, CHALLENGE
    elif is_unanswered(errors, None):
        status, headers = 503, RETRY_AFTER
    elif ErrorCode.INTERNAL in codes:
        status = 500
    return json_response({"errors": errors}, status, media_type, **headers)


def router(endpoint: Endpoint) -> APIRouter:
    """The route for operations."""
    routes = APIRouter()
    routes.add_api_route("/graphql", endpoint.post, methods=["POST"], response_model=None)
    return routes
