"""Where each chain ends; writers lock the row, so that links never fork."""

from sqlmodel import SQLModel

from models.columns import Big, Text, impersonal


class ChainHead(SQLModel, table=True):
    """The last link of a chain."""

    __tablename__ = "chain_heads"

    name: str = impersonal("which chain", Text(16), primary_key=True)
    sequence: int = impersonal("a place in the chain", Big)
    hash: str = impersonal("tamper evidence", Text(64))
