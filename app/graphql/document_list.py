"""Reads a list of trusted documents: a map from ids to texts, or the manifest of Apollo."""

import json
import re
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from app.http.request_body import MAX_ID_LENGTH

SHA256: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)
MANIFEST: Final = "apollo-persisted-query-manifest"
RESERVED: Final = "consentql/"
"""The beginning of the ids of the service's own documents."""


class InvalidDocuments(Exception):
    """The list cannot be used. The message has a line for each fault, which names the id."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))


def canonical_id(id: str) -> str:
    """The id in one spelling: a SHA-256 is written in lower case and without `sha256:`."""
    found = SHA256.fullmatch(id)
    return found[1].lower() if found else id


def is_digest_of_other(id: str, text: str) -> bool:
    """Whether the id is a SHA-256, but not that of the text."""
    return bool(SHA256.fullmatch(id)) and canonical_id(id) != sha256(text.encode()).hexdigest()


def read_documents(path: Path) -> dict[str, str]:
    """The documents of a file by id, in its order. Raises InvalidDocuments."""
    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=_without_repeated_ids)
    except (ValueError, RecursionError):
        raise InvalidDocuments([f"{path} is not valid JSON."]) from None
    if isinstance(content, dict) and not isinstance(content.get("operations"), list):
        listed = list(content.items())
    else:
        listed = _operations(path, content)
    faults = [fault for id, text in listed if (fault := _entry_fault(id, text))]
    faults += [fault_of(id, "the id is repeated.") for id, many in Counter(id for id, _ in listed).items() if many > 1]
    if not listed:
        faults = [f"{path} contains no document."]
    if faults:
        raise InvalidDocuments(faults)
    return dict(listed)


def fault_of(id: str, fault: str) -> str:
    """A sentence about one document."""
    return f"Document `{id}`: {fault}"


def _without_repeated_ids(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    repeated = [id for id, many in Counter(name for name, _ in pairs).items() if many > 1]
    if repeated:
        raise InvalidDocuments([fault_of(id, "the id is repeated.") for id in repeated])
    return dict(pairs)


def _operations(path: Path, content: Any) -> list[tuple[str, Any]]:
    """The ids and bodies of Apollo's manifest, or of its operations without the rest."""
    if isinstance(content, dict) and content.get("format", MANIFEST) == MANIFEST:
        content = content["operations"]
    shaped = isinstance(content, list) and all(isinstance(each, dict) for each in content)
    if not shaped or not all(isinstance(each.get("id"), str) for each in content):
        raise InvalidDocuments([f"{path} must be a map from ids to texts, or {MANIFEST}."])
    return [(each["id"], each.get("body")) for each in content]


def _entry_fault(id: str, text: Any) -> str | None:
    if not 1 <= len(id) <= MAX_ID_LENGTH:
        return fault_of(id[:MAX_ID_LENGTH], f"the id must have 1 to {MAX_ID_LENGTH} characters.")
    if id.startswith(RESERVED):
        return fault_of(id, f"ids that begin with `{RESERVED}` are reserved.")
    if not isinstance(text, str):
        return fault_of(id, "its text must be a string.")
    return fault_of(id, "the id is not the SHA-256 of the text.") if is_digest_of_other(id, text) else None
