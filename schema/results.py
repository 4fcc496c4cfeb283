"""What mutations answer: something done, or a refusal as data."""

from datetime import datetime
from typing import Annotated

import strawberry

from models import outcome
from permissions.classification import impersonal
from resolvers.objections import ObjectionChanged as ObjectionChangedState
from schema.account import ConsentRecord, ConsentState, Viewer
from schema.disclosure import ProcessorState
from schema.node import Refusal
from schema.shows import shows
from schema.user import User

OWN = "the caller's own, just made"


@impersonal(OWN)
@strawberry.type(description="A session that has begun. The token is shown this once.")
@shows(outcome.SignedIn)
class SignedIn:
    access_token: str | None
    expires_at: datetime
    viewer: Viewer


@impersonal(OWN)
@strawberry.type
@shows(outcome.ProfileUpdated)
class ProfileUpdated:
    user: User


@impersonal(OWN)
@strawberry.type
@shows(outcome.ConsentChanged)
class ConsentChanged:
    record: ConsentRecord
    consents: list[ConsentState]


@impersonal(OWN)
@strawberry.type
@shows(ObjectionChangedState)
class ObjectionChanged:
    processor: ProcessorState


LoginResult = Annotated[SignedIn | Refusal, strawberry.union("LoginResult")]
UpdateProfileResult = Annotated[ProfileUpdated | Refusal, strawberry.union("UpdateProfileResult")]
ConsentResult = Annotated[ConsentChanged | Refusal, strawberry.union("ConsentResult")]
ObjectionResult = Annotated[ObjectionChanged | Refusal, strawberry.union("ObjectionResult")]
