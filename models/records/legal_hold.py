"""What a legal request holds back from erasure, apart from what its subject and everyone else reads."""

from models.records.pre_registration import FormValues
from models.records.profile import ProfileValues


class HeldProfile(ProfileValues, table=True):
    """Values of a profile that is gone but for the requests that hold them."""

    __tablename__ = "held_profiles"


class HeldForm(FormValues, table=True):
    """A pre-registration form that is gone but for the requests that hold it."""

    __tablename__ = "held_forms"
