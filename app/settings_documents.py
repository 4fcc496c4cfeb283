"""The settings of trusted documents."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from app.graphql.document_mode import DocumentMode
from app.settings_section import Section


class DocumentSettings(Section):
    """Which documents the server runs. The page on [trusted documents](trusted-documents.md) explains them."""

    title: ClassVar = "Trusted documents"

    trusted_documents: DocumentMode = Field(
        default=DocumentMode.OFF,
        description="`off`: clients send texts. `prefer`: they may send the id of a document of the list instead. "
        "`only`: the server runs no other document than those of the list.",
    )
    trusted_documents_file: Path | None = Field(
        default=None,
        description="The JSON file with the list of trusted documents. Required by `prefer` and `only`. The server "
        "does not start with an invalid document in it.",
    )
