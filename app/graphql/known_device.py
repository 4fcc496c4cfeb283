"""Recognizes a sign-in from a known device before anything is read, so that it gets a separate lane."""

from graphql import DocumentNode, FieldNode, GraphQLError, OperationDefinitionNode, value_from_ast_untyped

from app.graphql.execution import ServedSchema
from app.http.request_body import GraphQLRequest
from models.email_address import lookup_address
from models.key_ring import KeyRing
from resolvers.context import BrowserCookies
from resolvers.sessions.known_devices import device_digest, is_device_token


async def is_sign_in_of_known_device(
    schema: ServedSchema, keys: KeyRing, asked: GraphQLRequest, browser: BrowserCookies
) -> bool:
    """Whether the request only signs in, to the address that its device token was made for.

    A token that was forgotten since passes, too: only the database knows that.
    """
    sent = (value.get("deviceToken") for value in (asked.variables or {}).values() if isinstance(value, dict))
    if not any(is_device_token(keys, token) for token in (browser.device, *sent)):
        return False
    try:
        document = await schema.documents.read_aside(asked.query or "", schema)
    except GraphQLError:
        return False
    fields = [] if document.errors else _root_fields(document.tree)
    return bool(fields) and all(_is_known(field, keys, asked, browser) for field in fields)


def _root_fields(tree: DocumentNode) -> list[FieldNode | None]:
    """The root fields of the operations. A fragment, which may contain anything, is None."""
    operations = [node for node in tree.definitions if isinstance(node, OperationDefinitionNode)]
    nodes = [node for operation in operations for node in operation.selection_set.selections]
    return [node if isinstance(node, FieldNode) else None for node in nodes]


def _is_known(field: FieldNode | None, keys: KeyRing, asked: GraphQLRequest, browser: BrowserCookies) -> bool:
    if field is None or field.name.value != "login":
        return False
    argument = next((each.value for each in field.arguments or () if each.name.value == "input"), None)
    given = value_from_ast_untyped(argument, asked.variables) if argument else None
    email = given.get("email") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(email, str):
        return False
    token = given.get("deviceToken") or browser.device
    return isinstance(token, str) and bool(device_digest(keys, token, lookup_address(email)))
