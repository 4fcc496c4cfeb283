"""Values under legal hold. They are stored separately, so that only legal requests can read them."""

from models.records.pre_registration import FormValues
from models.records.profile import ProfileValues


class HeldProfile(ProfileValues, table=True):
    """Profile values that were erased, except for the legal requests that hold them."""

    __tablename__ = "held_profiles"


class HeldForm(FormValues, table=True):
    """A pre-registration form that was erased, except for the legal requests that hold it."""

    __tablename__ = "held_forms"
