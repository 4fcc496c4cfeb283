"""How the endpoint treats documents of the trusted list, and others."""

from enum import StrEnum


class DocumentMode(StrEnum):
    """What the endpoint runs: any text, any text or an id of the list, or only documents of the list."""

    OFF = "off"
    PREFER = "prefer"
    ONLY = "only"
