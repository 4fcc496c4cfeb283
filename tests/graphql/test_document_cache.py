"""The cache of documents contains no invalid document and no password."""

import threading
from typing import Any

import pytest
from graphql import GraphQLSyntaxError

from app.graphql import document_cache
from app.graphql.document_cache import LONG_TEXT, MAX_DOCUMENTS, DocumentCache
from app.main import make_schema
from permissions.graphql.root_field_rules import CREDENTIAL_FIELDS
from tests.graphql.documents import LOGIN
from tests.http.requests import CANARY


def test_the_newest_documents_without_passwords_are_cached() -> None:
    schema, documents = make_schema(introspection=True), DocumentCache(introspection=True)
    first = "{ viewer { role } } # 0"
    assert documents.read(first, schema) is documents.read(first, schema), "parsed once"
    for number in range(1, MAX_DOCUMENTS + 50):
        documents.read(first, schema)
        documents.read(f"{{ viewer {{ role }} }} # {number}", schema)
    kept = list(documents._documents)
    assert len(kept) == MAX_DOCUMENTS
    assert first in kept, "a used document stays"
    assert f"{first[:-1]}1" not in kept
    for field in CREDENTIAL_FIELDS:
        for text in (f"mutation {{ {field} }}", f"mutation {{ a: {field}(input: {{password: 1}}) {{ __typename }} }}"):
            documents.read(text, schema)
    documents.read(f'mutation {{ logn(input: {{password: "{CANARY}"}}) {{ token }} }}', schema)
    reset = "mutation { requestPasswordReset(email: %s) }"
    literals = (
        reset % f'"{CANARY}"',
        reset % f'"""{CANARY}"""',
        f'mutation ($e: String = "{CANARY}") {reset[9:] % "$e"}',
    )
    for text in (*literals, f"mutation ($e: String!) {reset[9:] % '$e'} # {CANARY}"):
        documents.read(text, schema)
    assert CANARY not in str(documents._documents)
    assert list(documents._documents) == kept, "invalid documents evict nothing"
    assert documents.read(LOGIN, schema) is documents.read(LOGIN, schema), "a document with variables is cached"


async def test_a_long_document_is_parsed_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop answers others meanwhile. A document in the cache, or a short one, needs no thread."""
    schema, documents, threads = make_schema(introspection=True), DocumentCache(introspection=True), []
    stock = document_cache.parse

    def parse(*arguments: Any, **options: Any) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return stock(*arguments, **options)

    monkeypatch.setattr(document_cache, "parse", parse)
    long = "{" + " ".join(f"a{n}: viewer {{ role }}" for n in range(29)) + " " * LONG_TEXT + "}"
    first = await documents.read_aside(long, schema)
    assert await documents.read_aside(long, schema) is first
    await documents.read_aside("{ viewer { role } }", schema)
    assert threads == [False, True]
    with pytest.raises(GraphQLSyntaxError):
        await documents.read_aside(long + "}", schema)
