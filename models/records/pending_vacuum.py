"""Tables from which something was deleted whose bytes may still be in the database's files."""

from sqlmodel import SQLModel

from models.columns import ID_LENGTH, Text, impersonal


class PendingVacuum(SQLModel, table=True):
    """One deletion, in the transaction of which this is written; it goes once the table was written anew."""

    __tablename__ = "unscrubbed"

    id: str = impersonal("an opaque random name", Text(ID_LENGTH), primary_key=True)
    name: str = impersonal("a table's name", Text(64))
