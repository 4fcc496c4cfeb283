"""Seals of role grants: a keyed hash of each row, which shows a change that was made without the keys."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import RowMapping

from models.key_ring import KeyRing
from models.logs.hash_chain import length_prefixed
from models.tables import ROLE_GRANTS

USE: Final = "role grant"
SEALED: Final = tuple(sorted(set(ROLE_GRANTS.columns.keys()) - {"seal"}))
"""The columns that the seal covers: all others."""

StoredGrant = RowMapping | Mapping[str, Any]


def seal_of(keys: KeyRing, row: Mapping[str, Any]) -> str:
    """Returns the seal of a grant: the id of the newest key, and the hash with it."""
    return _seal(keys, row, 0)


def is_sealed(keys: KeyRing, row: StoredGrant) -> bool:
    """Whether a stored grant is as the service wrote it."""
    index = keys.index_of(row["seal"].partition(".")[0])
    return index is not None and _seal(keys, row, index) == row["seal"]


def resealed(keys: KeyRing, row: StoredGrant, **changes: Any) -> dict[str, Any]:
    """Returns the columns to update. A seal that did not match stays, so that the change remains visible."""
    seal = seal_of(keys, {**row, **changes}) if is_sealed(keys, row) else row["seal"]
    return {**changes, "seal": seal}


def _seal(keys: KeyRing, row: StoredGrant, index: int) -> str:
    return f"{keys.id(index)}.{keys.tag(USE, length_prefixed([row[name] for name in SEALED]), index)}"
