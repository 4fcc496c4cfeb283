"""Where retention took links out of a chain, under a keyed tag: without the keys no deletion passes for it."""

from sqlmodel import SQLModel

from models.columns import Big, Text, impersonal


class ChainGap(SQLModel, table=True):
    """Links that went because their time was over; the hash of the last is what the next one follows from."""

    __tablename__ = "chain_gaps"

    chain: str = impersonal("which chain", Text(16), primary_key=True)
    first: int = impersonal("a place in the chain", Big, primary_key=True, numbered_by_us=True)
    last: int = impersonal("a place in the chain", Big)
    hash: str = impersonal("tamper evidence", Text(64))
    tag: str = impersonal("tamper evidence", Text(64))
