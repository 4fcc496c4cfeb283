"""Prints the processor time to parse and validate documents with many faults."""

import sys
import time
from contextlib import suppress

from graphql import GraphQLSyntaxError
from people import ROOT

from app.graphql.document_cache import DocumentCache
from app.main import make_schema

sys.path.insert(0, str(ROOT))


def main() -> None:
    """Prints milliseconds per document."""
    from tests.graphql.test_document_limits import FLOODS

    schema, documents = make_schema(introspection=True), DocumentCache(introspection=True)
    documents.read("{ viewer { role } }", schema)
    for name, document in FLOODS.items():
        before = time.process_time()
        with suppress(GraphQLSyntaxError):
            documents.read(document, schema)
        print(f"{name:28}{(time.process_time() - before) * 1000:9.1f} ms")


if __name__ == "__main__":
    main()
