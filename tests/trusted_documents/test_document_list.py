"""A list of trusted documents is read as the tools write it; a wrong one stops the start and names the id."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from app.commands.console.command_error import CommandError
from app.commands.server.serve import serve
from app.graphql.document_limits import MAX_TOKENS
from app.graphql.document_list import InvalidDocuments, read_documents
from app.graphql.trusted_documents import load_documents
from app.mail.letter_documents import LETTER_DOCUMENTS
from app.main import create, make_schema
from app.settings import InvalidSettings, Settings
from tests.world import KEY

TEXT = "query Role { viewer { role } }"
DIGEST = sha256(TEXT.encode()).hexdigest()
MANIFEST = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [{"id": DIGEST, "name": "Role", "type": "query", "body": TEXT}],
}
SCHEMA = make_schema(introspection=False)


def file_of(folder: Path, content: Any) -> Path:
    path = folder / "documents.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("id", [DIGEST, DIGEST.upper(), f"sha256:{DIGEST}", "a" * 40, "Role", "x" * 128, "ü"])
def test_a_map_from_ids_to_texts_is_a_list(tmp_path: Path, id: str) -> None:
    assert load_documents(file_of(tmp_path, {id: TEXT}), SCHEMA) == {id: TEXT}


def test_the_manifest_of_apollo_is_a_list(tmp_path: Path) -> None:
    for content in (MANIFEST, MANIFEST["operations"]):
        assert load_documents(file_of(tmp_path, content), SCHEMA) == {DIGEST: TEXT}
    for name in ("format", "operations"):
        assert load_documents(file_of(tmp_path, {name: TEXT}), SCHEMA) == {name: TEXT}, "an id may be any word"


WRONG = [
    ({"other": "{ viewer { unknown } }"}, ("`other`", "unknown")),
    ({"other": "{ viewer { role }"}, ("`other`", "line 1, column 18")),
    ({"other": "{ viewer { role } } query B { viewer { role } }"}, ("`other`", "exactly one operation")),
    ({"other": "{ " + " ".join(f"a{n}: __typename" for n in range(31)) + " }"}, ("`other`", "aliases")),
    ({"other": "{ " + "viewer { role } " * MAX_TOKENS + " }"}, ("`other`", "too long")),
    ({"other": "{ __schema { types { name } } }"}, ("`other`", "introspection")),
    ({"other": 'mutation { a: logout login(input: {email: "", password: ""}) { __typename } }'}, ("`other`", "only")),
    ({"other": ""}, ("`other`",)),
    ({"other": None}, ("`other`", "string")),
    ({"": TEXT}, ("``", "1 to 128")),
    ({"x" * 129: TEXT}, ("x" * 128, "1 to 128")),
    ({"0" * 64: TEXT}, ("0" * 64, "SHA-256")),
    ({f"sha256:{'0' * 64}": TEXT}, ("0" * 64, "SHA-256")),
    ({"consentql/login": TEXT}, ("`consentql/login`", "reserved")),
    (f'{{"twice": "{TEXT}", "twice": "{TEXT}"}}', ("`twice`", "repeated")),
    ([{"id": "twice", "body": TEXT}] * 2, ("`twice`", "repeated")),
    ([{"id": "other", "name": "Role", "type": "query"}], ("`other`", "string")),
    ([{"body": TEXT}], ("must be a map",)),
    ([TEXT], ("must be a map",)),
    ({"format": "another", "operations": []}, ("must be a map",)),
    ("{", ("not valid JSON",)),
    ("[" * 100_000, ("not valid JSON",)),
    ({}, ("no document",)),
]


@pytest.mark.parametrize(("content", "named"), WRONG)
def test_a_wrong_list_is_refused_and_its_id_is_named(tmp_path: Path, content: Any, named: tuple[str, ...]) -> None:
    with pytest.raises(InvalidDocuments) as refused:
        load_documents(file_of(tmp_path, content), SCHEMA)
    assert all(word in str(refused.value) for word in named), str(refused.value)


def test_every_wrong_document_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidDocuments) as refused:
        load_documents(file_of(tmp_path, {"a": "{ x }", "b": TEXT, "c": "{ y }"}), SCHEMA)
    assert [line[:13] for line in str(refused.value).splitlines()] == ["Document `a`:", "Document `c`:"]


@pytest.mark.parametrize("mode", ["prefer", "only"])
def test_the_server_does_not_start_with_a_wrong_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    wrong = file_of(tmp_path, {"broken": "{ viewer { unknown } }"})
    with pytest.raises(InvalidDocuments, match="`broken`"):
        create(Settings(secret_keys=(KEY,), trusted_documents=mode, trusted_documents_file=wrong))
    chosen = {"SECRET_KEYS": KEY, "TRUSTED_DOCUMENTS": mode, "TRUSTED_DOCUMENTS_FILE": str(wrong)}
    for name, value in chosen.items():
        monkeypatch.setenv(f"CONSENTQL_{name}", value)
    with pytest.raises(CommandError, match="`broken`"):
        serve("127.0.0.1", 1, 1, create=False)
    with pytest.raises(InvalidSettings, match="CONSENTQL_TRUSTED_DOCUMENTS_FILE is required"):
        Settings(secret_keys=(KEY,), trusted_documents=mode).model_copy(
            update={"trusted_documents_file": None}
        ).validated()
    with pytest.raises(InvalidSettings, match="CONSENTQL_TRUSTED_DOCUMENTS_FILE must name a file"):
        Settings(secret_keys=(KEY,), trusted_documents_file=tmp_path / "nowhere").validated()


def test_the_documents_of_the_services_own_pages_are_valid() -> None:
    assert [fault for text in LETTER_DOCUMENTS.values() for fault in SCHEMA.documents.faults(text, SCHEMA)] == []


def test_a_list_keeps_its_order(tmp_path: Path) -> None:
    assert list(read_documents(file_of(tmp_path, {"b": TEXT, "a": TEXT}))) == ["b", "a"]
