"""Gaps that retention left in a hash chain. A keyed tag proves that a deletion was retention."""

from sqlmodel import SQLModel

from models.columns import BigInt, Text, impersonal


class ChainGap(SQLModel, table=True):
    """A run of deleted chain links. The next link follows from the hash of the last one."""

    __tablename__ = "chain_gaps"

    chain: str = impersonal("which chain", Text(16), primary_key=True)
    first: int = impersonal("a position in the chain", BigInt, primary_key=True, numbered_by_us=True)
    last: int = impersonal("a position in the chain", BigInt)
    hash: str = impersonal("tamper evidence", Text(64))
    tag: str = impersonal("tamper evidence", Text(64))
