"""The end of each hash chain. Writers lock the row so that a chain never forks."""

from sqlmodel import SQLModel

from models.columns import BigInt, Text, impersonal


class ChainHead(SQLModel, table=True):
    """The last link of a chain."""

    __tablename__ = "chain_heads"

    name: str = impersonal("which chain", Text(16), primary_key=True)
    sequence: int = impersonal("a position in the chain", BigInt)
    hash: str = impersonal("tamper evidence", Text(64))
