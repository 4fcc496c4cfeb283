"""The cache of documents contains no invalid document and no password."""

from app.graphql.document_cache import MAX_DOCUMENTS, DocumentCache
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
