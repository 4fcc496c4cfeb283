"""Parses and validates each document once, and keeps the newest."""

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    ValuesOfCorrectTypeRule,
    parse,
    specified_rules,
    validate,
)

from app.graphql import document_limits, error_messages
from permissions.graphql.classified_schema import ClassifiedSchema
from permissions.graphql.root_field_rules import CREDENTIAL_FIELDS

MAX_DOCUMENTS: Final = 256
MAX_ERRORS: Final = 10
LONG_TEXT: Final = 1000
"""A longer document is parsed in a thread: the dearest ones would hold the event loop for a tenth of a second."""

LITERAL_MARKS: Final = frozenset('"#')
"""A valid document contains free text only in a string or a comment, so only with one of these."""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document and its validation errors."""

    tree: DocumentNode
    errors: list[GraphQLError]


class DocumentCache:
    """A cache of the newest documents, so that each is parsed and validated once.

    A document that may contain a password is not cached. An invalid document is not cached either: it may contain
    a password in a misspelled field, and a flood of them would evict the documents that clients use.
    """

    def __init__(self, *, introspection: bool) -> None:
        rules = (
            error_messages.ValuesByNameRule if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules
        )
        self.rules = (*rules,) if introspection else (*rules, NoSchemaIntrospectionCustomRule)
        self.introspection = introspection
        self._messages: error_messages.ValidationMessages | None = None
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._parser = ThreadPoolExecutor(1, "documents")

    async def read_aside(self, text: str, schema: ClassifiedSchema) -> Document:
        """Like `read`, but others are answered while a long text is parsed: one at a time, in a thread."""
        if len(text) <= LONG_TEXT or text in self._documents:
            return self.read(text, schema)
        loop = asyncio.get_running_loop()
        return self._kept(text, await loop.run_in_executor(self._parser, self._parsed, text, schema))

    def read(self, text: str, schema: ClassifiedSchema) -> Document:
        """Returns the document of a text. Raises GraphQLSyntaxError if it cannot be parsed."""
        if text in self._documents:
            self._documents.move_to_end(text)
            return self._documents[text]
        return self._kept(text, self._parsed(text, schema))

    def _parsed(self, text: str, schema: ClassifiedSchema) -> Document:
        tree = _parse(text)
        return Document(tree, self._errors(text, tree, schema))

    def _kept(self, text: str, document: Document) -> Document:
        if not document.errors and not _may_hold_a_secret(text):
            self._documents[text] = document
            if len(self._documents) > MAX_DOCUMENTS:
                self._documents.popitem(last=False)
        return document

    def _errors(self, text: str, tree: DocumentNode, schema: ClassifiedSchema) -> list[GraphQLError]:
        if self._messages is None:
            self._messages = error_messages.ValidationMessages(schema.graphql, every_name=self.introspection)
        return self._messages.sanitized(self._found(tree, schema), text)

    def _found(self, tree: DocumentNode, schema: ClassifiedSchema) -> list[GraphQLError]:
        if refusal := document_limits.limit_fault(tree):
            return [error_messages.document_refused(refusal)]
        hidden = not self.introspection
        return validate(schema.graphql, tree, self.rules, max_errors=MAX_ERRORS, hide_suggestions=hidden)[:MAX_ERRORS]

    def faults(self, text: str, schema: ClassifiedSchema) -> list[str]:
        """Why a document would be refused, in words for its author, which repeat its text."""
        try:
            return [error.message for error in self._found(_parse(text), schema)]
        except GraphQLSyntaxError as error:
            return [error_messages.syntax_error(error).message]


def _parse(text: str) -> DocumentNode:
    return parse(text, max_tokens=document_limits.MAX_TOKENS, allow_empty_selection_sets=False)


def _may_hold_a_secret(text: str) -> bool:
    """Whether a valid document contains a credential as a literal instead of in variables."""
    return any(field in text for field in CREDENTIAL_FIELDS) and any(mark in text for mark in LITERAL_MARKS)
