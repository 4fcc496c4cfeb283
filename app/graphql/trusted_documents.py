"""Trusted documents: the list of documents that clients may ask for by id, checked when the server starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.graphql.document_list import InvalidDocuments, canonical_id, fault_of, is_digest_of_other, read_documents
from app.graphql.document_mode import DocumentMode
from app.graphql.execution import ServedSchema
from app.http.request_body import GraphQLRequest, RequestError
from permissions.error_codes import ErrorCode

UNKNOWN_ID: Final[Mapping[DocumentMode, tuple[ErrorCode, str]]] = {
    # the first two messages are not sentences, because urql and others compare them
    DocumentMode.OFF: (ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED, "PersistedQueryNotSupported"),
    DocumentMode.PREFER: (ErrorCode.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound"),
    DocumentMode.ONLY: (ErrorCode.PERSISTED_QUERY_NOT_IN_LIST, "The list of trusted documents does not have this id."),
}
UNLISTED_TEXT: Final = "This server runs only trusted documents. Send the id of one."


class TrustedDocuments:
    """Finds the text of a request. Clients can add nothing to the list."""

    def __init__(self, mode: DocumentMode, documents: Mapping[str, str]) -> None:
        self.mode = mode
        self._by_id = {canonical_id(id): text for id, text in documents.items()}
        self._texts = frozenset(self._by_id.values())

    def text_of(self, asked: GraphQLRequest) -> str:
        """The text to run. Raises RequestError if there is none, or if only the texts of the list are run."""
        listed = self._by_id.get(canonical_id(asked.document_id)) if asked.document_id is not None else None
        if asked.query is None:
            if listed is None:
                code, message = UNKNOWN_ID[self.mode]
                raise RequestError(400, message, code=code)
            return listed
        if asked.document_id is not None and is_digest_of_other(asked.document_id, asked.query):
            raise RequestError(400, "The id is not the SHA-256 of `query`.", "query")
        if listed not in (None, asked.query):
            raise RequestError(400, "`query` is not the document of this id. Send only one of them.", "query")
        if self.mode is DocumentMode.ONLY and asked.query not in self._texts:
            raise RequestError(400, UNLISTED_TEXT, code=ErrorCode.PERSISTED_QUERY_NOT_IN_LIST)
        return asked.query


def load_documents(path: Path, schema: ServedSchema) -> dict[str, str]:
    """Reads a list and checks each document as if it were sent. Raises InvalidDocuments."""
    documents = read_documents(path)
    faults = [fault_of(id, fault) for id, text in documents.items() for fault in schema.documents.faults(text, schema)]
    if faults:
        raise InvalidDocuments(faults)
    return documents
