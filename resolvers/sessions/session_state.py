"""Sessions as the API returns them."""

from typing import Any

from models.derived_ids import derived_id
from models.key_ring import KeyRing
from models.mutation_outcomes import SessionState
from permissions.caller import Caller


def viewer_id(keys: KeyRing, caller: Caller) -> str:
    """Returns the id of the caller as a viewer. Every visitor has the same."""
    return derived_id(keys, "viewer", caller.token_id or "")


def session_of_caller(caller: Caller) -> SessionState | None:
    """The session of a member's token, or None for any other token."""
    if not caller.is_member or caller.token_id is None or caller.created_at is None or caller.session_ends_at is None:
        return None
    return SessionState(
        id=caller.token_id,
        created_at=caller.created_at,
        last_used_at=caller.last_used_at,
        expires_at=caller.session_ends_at,
        client=caller.client,
        current=True,
    )


def session_of_row(row: Any, current: str | None) -> SessionState:
    """Returns a stored session as its member sees it."""
    return SessionState(row.id, row.created_at, row.last_used_at, row.expires_at, row.name, row.id == current)
