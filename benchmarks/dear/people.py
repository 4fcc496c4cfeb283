"""A service with people who filled everything, and the long lists of the callers who ask."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from app.operations.schema_version import migrate
from models.database import Database
from models.vocabulary import PersonalField, Processor, Role
from permissions.version_numbers import current_version
from resolvers.sessions.begin_session import MAX_SESSIONS
from resolvers.validation.profile_values import MOST_PAGES
from tests.world import FORM, World, line, world_of

LIST_LENGTH: Final = 110
"""Consent records, disclosures, cases and requests: more than one page of each."""
PAGES: Final = [
    {
        "title": f"{number} {'title ' * 9}",
        "url": f"https://x.example.org/{number}/{'path/' * 40}",
        "body": "body " * 500,
    }
    for number in range(MOST_PAGES)
]
"""As many as allowed, and together about as long as one request can send."""
TEXTS: Final = {"organization": 160, "specialization": 160, "streetAddress": 160, "about": 4000}
GRANT: Final = """mutation ($version: String!) {
  a: grantConsent(purpose: EXPANSION, policyVersion: $version) { __typename }
  b: withdrawConsent(purpose: EXPANSION) { __typename } }"""
VIEW: Final = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "A letter."}) {
  __typename ... on MandrillView { recipients { userId email firstName lastName } } } }"""
OPEN_CASE: Final = """mutation ($input: OpenSupportCaseInput!) { openSupportCase(input: $input) {
  ... on SupportCase { id } } }"""
OPEN_REQUEST: Final = """mutation ($input: OpenLegalRequestInput!) { openLegalRequest(input: $input) {
  ... on LegalRequest { id } } }"""
APPROVE: Final = "mutation ($id: ID!) { approveLegalRequest(id: $id) { __typename } }"


@dataclass(frozen=True)
class Scene:
    """The service, the ids of its people, and a token of each role that asks."""

    world: World
    ids: Sequence[str]
    member: str
    support: str
    compliance: str
    mandrill: str

    @property
    def tokens(self) -> dict[Role, str]:
        """The tokens by role."""
        return {Role.MEMBER: self.member, Role.SUPPORT: self.support, Role.COMPLIANCE: self.compliance}


def full_line(number: int) -> dict[str, Any]:
    """A person with every text filled. Every second one hides all fields but one."""
    hidden = [each.value for each in PersonalField][1:] if number % 2 else []
    each = line(f"p{number}@example.org", ("SOCIAL", "EXPANSION"), hidden=hidden)
    long = {name: "clay " * (length // 5) for name, length in TEXTS.items()}
    each["profile"] |= {"lastName": f"Okonkwo {number}", "publicPages": PAGES, **long}
    each["preRegistration"] = {name: value if name == "country" else "press " * 20 for name, value in FORM.items()}
    return each


async def _lengthen_own_lists(scene: Scene) -> None:
    """Gives the member consent records, disclosures, sessions and cases, more than a page of each."""
    world, own = scene.world, scene.ids[0]
    for _ in range(MAX_SESSIONS - 1):
        await world.token(holder=own)
    for number in range(LIST_LENGTH):
        if number % 2:
            await world.data(GRANT, scene.member, {"version": current_version().name})
        await world.data(VIEW, scene.mandrill, {"ids": [own]})


async def _open_grounds(scene: Scene) -> None:
    """Opens a support case and a legal request about each of many people, and cases of the member's own."""
    world, until = scene.world, (scene.world.services.now() + timedelta(hours=7)).isoformat()
    approver = await world.token(Role.COMPLIANCE, scene.ids[3])
    extent = [each.value for each in PersonalField]
    for number in range(LIST_LENGTH):
        about = {"subjectId": scene.ids[10 + 2 * number], "extent": extent, "expiresAt": until}
        case = {**about, "reference": f"T-{number}", "reason": "It will not print. " * 10}
        await world.data(OPEN_CASE, scene.support, {"input": case})
        await world.data(OPEN_CASE, scene.member, {"input": {**case, "subjectId": scene.ids[0]}})
        request = {**about, "authority": "Court of Tartu", "reference": f"4-26-{number}", "basis": "A law " * 20}
        opened = await world.data(OPEN_REQUEST, scene.compliance, {"input": request})
        await world.data(APPROVE, approver, {"id": opened["openLegalRequest"]["id"]})


@contextlib.asynccontextmanager
async def scene_with(folder: Path, people: int) -> AsyncIterator[Scene]:
    """The application on SQLite with this many people."""
    database = Database(f"sqlite+aiosqlite:///{folder / 'dearest.db'}")
    await migrate(database)
    world = world_of(database)
    try:
        ids = await world.store_people(*map(full_line, range(people)))
        tokens = {
            "member": await world.token(holder=ids[0]),
            "support": await world.token(Role.SUPPORT, ids[1]),
            "compliance": await world.token(Role.COMPLIANCE, ids[2]),
            "mandrill": await world.token(Role.PROCESSOR, processor=Processor.MANDRILL),
        }
        scene = Scene(world, ids, **tokens)
        await _lengthen_own_lists(scene)
        await _open_grounds(scene)
        yield scene
    finally:
        await world.client.aclose()
        world.services.hashing.close()
        await database.close()
