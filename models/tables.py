"""The tables by name, for statements in SQLAlchemy Core. Importing this module registers all tables."""

from typing import Final

from sqlalchemy import Table
from sqlmodel import SQLModel

from models.records import (
    access_token,
    account,
    chain_gap,
    chain_head,
    consent,
    disclosure,
    failed_sign_in,
    heartbeat,
    known_device,
    last_success,
    legal_hold,
    legal_request,
    mailed_token,
    objection,
    outbox,
    pending_vacuum,
    pre_registration,
    processor_view,
    processor_withdrawal,
    profile,
    restriction,
    role_grant,
    second_factor,
    statistics,
    support_case,
)

METADATA: Final = SQLModel.metadata


def _table(model: type[SQLModel]) -> Table:
    return METADATA.tables[str(model.__tablename__)]


ACCOUNTS: Final = _table(account.Account)
CREDENTIALS: Final = _table(account.Credential)
PROFILES: Final = _table(profile.Profile)
PRE_REGISTRATIONS: Final = _table(pre_registration.PreRegistration)
HELD_PROFILES: Final = _table(legal_hold.HeldProfile)
HELD_FORMS: Final = _table(legal_hold.HeldForm)
CONSENT_RECORDS: Final = _table(consent.ConsentRecord)
CHAIN_GAPS: Final = _table(chain_gap.ChainGap)
CHAIN_HEADS: Final = _table(chain_head.ChainHead)
ACCESS_TOKENS: Final = _table(access_token.AccessToken)
ROLE_GRANTS: Final = _table(role_grant.RoleGrant)
SUPPORT_CASES: Final = _table(support_case.SupportCase)
LEGAL_REQUESTS: Final = _table(legal_request.LegalRequest)
READINGS: Final = _table(disclosure.Reading)
DISCLOSURES: Final = _table(disclosure.Disclosure)
PROCESSOR_VIEWS: Final = _table(processor_view.ProcessorView)
WITHDRAWALS: Final = _table(processor_withdrawal.Withdrawal)
OBJECTIONS: Final = _table(objection.Objection)
OUTBOX: Final = _table(outbox.Letter)
AUTHENTICATORS: Final = _table(second_factor.Authenticator)
RECOVERY_CODES: Final = _table(second_factor.RecoveryCode)
CHALLENGES: Final = _table(second_factor.Challenge)
KNOWN_DEVICES: Final = _table(known_device.KnownDevice)
FAILED_SIGN_INS: Final = _table(failed_sign_in.FailedSignIns)
MAILED_TOKENS: Final = _table(mailed_token.MailedToken)
RESTRICTIONS: Final = _table(restriction.Restriction)
STATISTICS_RELEASES: Final = _table(statistics.StatisticsRelease)
STATISTICS_CELLS: Final = _table(statistics.StatisticsCell)
HEARTBEATS: Final = _table(heartbeat.Heartbeat)
UNSCRUBBED: Final = _table(pending_vacuum.PendingVacuum)
LAST_SUCCESSES: Final = _table(last_success.LastSuccess)
