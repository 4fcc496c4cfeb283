"""Tables whose files may still contain the bytes of deleted rows."""

from sqlmodel import SQLModel

from models.columns import Text, identifier, impersonal


class PendingVacuum(SQLModel, table=True):
    """One deletion, recorded in its transaction. The row is removed after the table is rewritten."""

    __tablename__ = "unscrubbed"

    id: str = identifier(primary_key=True)
    name: str = impersonal("a table's name", Text(64))
