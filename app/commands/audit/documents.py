"""Lists the personal fields that each trusted document can reach, per audience."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from graphql import OperationDefinitionNode

from app.commands.console.command_error import CommandError
from app.commands.console.json_report import print_json
from app.commands.console.table import align
from app.graphql.document_list import InvalidDocuments
from app.graphql.execution import ServedSchema
from app.graphql.trusted_documents import load_documents
from app.main import make_schema
from app.settings import from_environment
from permissions.graphql.document_reach import reach_of

HEAD = ("document", "operation", "audience", "personal fields")
NOTHING = "none"


def documents(file: Path, *, as_json: bool) -> None:
    """Prints the fields. Raises CommandError if a document is invalid."""
    schema = make_schema(introspection=not from_environment().in_production)
    try:
        listed = load_documents(file, schema)
    except InvalidDocuments as problem:
        raise CommandError(str(problem)) from None
    found = [_reach(schema, id, text) for id, text in listed.items()]
    if as_json:
        print_json({"documents": found})
    else:
        typer.echo(align([HEAD, *(row for document in found for row in _rows(document))]))


def _reach(schema: ServedSchema, id: str, text: str) -> dict[str, Any]:
    tree = schema.documents.read(text, schema).tree
    operation = next(node for node in tree.definitions if isinstance(node, OperationDefinitionNode))
    fields = {audience.value: [field.value for field in found] for audience, found in reach_of(schema, tree).items()}
    name = operation.name.value if operation.name else None
    return {"id": id, "operation": operation.operation.value, "name": name, "reach": fields}


def _rows(document: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    id, operation = document["id"], f"{document['operation']} {document['name'] or ''}".strip()
    for audience, fields in document["reach"].items() or [(NOTHING, [])]:
        yield id, operation, audience, ", ".join(fields) or NOTHING
        id = operation = ""
