"""The pre-registration form, stored under EXPANSION. Its country and organization are not the profile's."""

from sqlmodel import SQLModel

from models.columns import Text, identifier, personal
from models.vocabulary import PersonalField


class FormValues(SQLModel):
    """The values of a pre-registration form."""

    subject_id: str = identifier(primary_key=True, foreign_key="accounts.id")
    country: str | None = personal(PersonalField.PRE_REGISTRATION, Text(2))
    institution_name: str | None = personal(PersonalField.PRE_REGISTRATION)
    institution_type: str | None = personal(PersonalField.PRE_REGISTRATION)
    job_role: str | None = personal(PersonalField.PRE_REGISTRATION)
    company: str | None = personal(PersonalField.PRE_REGISTRATION)
    industry: str | None = personal(PersonalField.PRE_REGISTRATION)
    department: str | None = personal(PersonalField.PRE_REGISTRATION)
    organization: str | None = personal(PersonalField.PRE_REGISTRATION)
    main_printer: str | None = personal(PersonalField.PRE_REGISTRATION)


class PreRegistration(FormValues, table=True):
    """One subject's pre-registration form."""

    __tablename__ = "pre_registrations"
