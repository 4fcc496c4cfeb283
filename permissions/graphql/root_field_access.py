"""The check in front of every root field: first the role, then the rate limit, then the resolver."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from strawberry.extensions import FieldExtension
from strawberry.types.info import Info

from models.connections.commit import noted_commits
from models.connections.unavailable import CommitOutcomeUnknown, is_unavailable
from models.mutation_outcomes import Refused
from models.telemetry.spans import Attribute, SpanName, span
from models.vocabulary import ForbiddenReason, RefusalCode
from permissions.caller import Caller
from permissions.error_codes import FORBIDDEN_REASONS
from permissions.errors import (
    LOCK_NOT_FREE,
    LOCK_RETRY_SECONDS,
    ApiError,
    LockNotFree,
    RoleEnded,
    forbidden,
    rate_limited,
    unknown_token,
)
from permissions.events.kinds import EventKind
from permissions.events.record import record_once
from permissions.graphql.answered_field import AnsweredField
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES, RootFieldRule
from permissions.ip_network import network_of

NOT_PERMITTED = Refused(RefusalCode.NOT_PERMITTED, "Your role may not do this.")


class RootFieldAccess(FieldExtension):
    """Applies the rule of a root field. If it refuses, nothing is read."""

    def __init__(self, coordinate: str) -> None:
        self.coordinate = coordinate
        self.changes = coordinate.startswith("Mutation.")
        self.rule: RootFieldRule = ROOT_FIELD_RULES[coordinate]

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info[Any, Any], **arguments: Any
    ) -> Any:
        """Returns the resolver's answer, or refuses by a `Refusal` or an error, depending on the field."""
        began, answer = perf_counter(), None
        try:
            with span(SpanName.ROOT_FIELD, {Attribute.ROOT_FIELD: self.coordinate}):
                answer = await self._answer(next_, source, info, arguments)
            return answer
        finally:
            refusal = answer.code if isinstance(answer, Refused) else None
            seconds = perf_counter() - began
            info.context.answered.append(AnsweredField(str(info.path.key), self.coordinate, seconds, refusal))

    async def _answer(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info[Any, Any], arguments: dict[str, Any]
    ) -> Any:
        context = info.context
        if not context.begin_root_field():
            raise unknown_token()
        if reason := self.rule.refusal_reason(context.caller):
            return self._refused(context.caller, reason)
        if self.rule.rate and self.rule.is_dear(arguments):
            caller = context.caller
            counted_by = caller.subject_id or caller.processor or network_of(caller.address)
            if seconds := await context.limits.count_attempt(self.rule.rate, self.coordinate, counted_by):
                return self._rate_limited(seconds)
        try:
            return await self._answered(next_, source, info, arguments)
        except RoleEnded:
            return self._refused(context.caller, ForbiddenReason.ROLE)
        except LockNotFree:
            if not self.rule.returns_refusal:
                raise
            return Refused(RefusalCode.TRY_LATER, LOCK_NOT_FREE, retry_after_seconds=LOCK_RETRY_SECONDS)

    async def _answered(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info[Any, Any], arguments: dict[str, Any]
    ) -> Any:
        """Returns the resolver's answer. A mutation that fails after a commit may have taken effect."""
        with noted_commits() as commits:
            try:
                return await next_(source, info, **arguments)
            except ApiError:
                raise
            except Exception as problem:
                if commits.happened and self.changes and is_unavailable(problem):
                    raise CommitOutcomeUnknown from problem
                raise
            finally:
                info.context.has_committed |= commits.happened and self.changes

    def _refused(self, caller: Caller, reason: ForbiddenReason) -> Refused:
        field, processor = self.coordinate, caller.processor
        record_once(EventKind.FIELD_REFUSED, field, root_field=field, processor=processor, reason=reason)
        if not self.rule.returns_refusal:
            raise forbidden(reason)
        if reason is ForbiddenReason.ROLE:
            return NOT_PERMITTED
        unverified = reason is ForbiddenReason.EMAIL_NOT_VERIFIED
        code = RefusalCode.EMAIL_NOT_VERIFIED if unverified else RefusalCode.NOT_PERMITTED
        return Refused(code, FORBIDDEN_REASONS[reason].sentence)

    def _rate_limited(self, seconds: int) -> Refused:
        if not self.rule.returns_refusal:
            raise rate_limited(seconds)
        return Refused(
            RefusalCode.TOO_MANY_ATTEMPTS, "Too many attempts. Wait before you try again.", retry_after_seconds=seconds
        )
