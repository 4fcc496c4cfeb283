"""Under a restriction only the subject, their own case and a legal request can read the data."""

from sqlalchemy import select

from models.tables import RESTRICTIONS
from models.vocabulary import Processor, Role
from permissions.version_numbers import current_version
from tests.world import USER, World, codes

RESTRICT = "mutation { restrictProcessing { ... on RestrictionChanged { restricted } ... on Refusal { code } } }"
LIFT = "mutation { liftRestriction { ... on RestrictionChanged { restricted } ... on Refusal { code } } }"
DIRECTORY = "{ users { edges { node { id } } } userMap { count } }"
VIEW = """mutation ($ids: [ID!]!) { openProcessorView(input: {userIds: $ids, reason: "News."}) {
  ... on MailchimpView { withheld subscribers { userId } } } }"""


async def test_a_restricted_subject_is_absent_on_every_path_until_they_lift_it(world: World) -> None:
    id, mine = await world.member("p@example.org")
    _, fellow = await world.member("o@example.org")
    mailchimp = await world.token(Role.PROCESSOR, None, Processor.MAILCHIMP)
    one = f'{{ user(id: "{id}") {{ {USER} }} nodes(ids: ["{id}"]) {{ id }} }}'
    before = [(await world.post(one, token)).text for token in (None, fellow)]
    assert (await world.data(RESTRICT, mine))["restrictProcessing"] == {"restricted": True}
    grant = "mutation ($v: String!) { grantConsent(purpose: SOCIAL, policyVersion: $v) { __typename } }"
    await world.data(grant, mine, {"v": current_version().name})
    unknown = one.replace(id, "0" * 32)
    for token in (None, fellow):
        assert (await world.post(one, token)).text == (await world.post(unknown, token)).text
    listed = await world.data(DIRECTORY, fellow)
    assert id not in str(listed)
    view = (await world.data(VIEW, mailchimp, {"ids": [id]}))["openProcessorView"]
    assert view == {"withheld": 1, "subscribers": []}
    assert (await world.data("{ me { restricted user { email } } }", mine))["me"] == {
        "restricted": True,
        "user": {"email": "p@example.org"},
    }
    assert (await world.data(LIFT, mine))["liftRestriction"] == {"restricted": False}
    assert [(await world.post(one, token)).text for token in (None, fellow)] == before


async def test_a_restricted_subject_reads_only_their_own_record(world: World) -> None:
    _, mine = await world.member("p@example.org")
    other, _ = await world.member("o@example.org")
    await world.data(RESTRICT, mine)
    answer = await world.ask(DIRECTORY, mine)
    assert (answer["data"], codes(answer)) == ({"users": None, "userMap": None}, ["FORBIDDEN", "FORBIDDEN"])
    assert (await world.data(f'{{ user(id: "{other}") {{ id }} }}', mine))["user"] is None


async def test_a_restriction_is_recorded_with_its_start_and_end(world: World) -> None:
    _, mine = await world.member("p@example.org")
    for document in (RESTRICT, RESTRICT, LIFT, LIFT, RESTRICT):
        await world.data(document, mine)
    async with world.services.database.reading() as connection:
        rows = (await connection.execute(select(RESTRICTIONS).order_by(RESTRICTIONS.c.restricted_at))).all()
    assert [row.lifted_at is not None for row in rows] == [True, False]


async def test_only_the_subjects_session_restricts_processing(world: World) -> None:
    support = await world.token(Role.SUPPORT, await world.person("s@example.org"))
    for token in (None, support):
        assert (await world.data(RESTRICT, token))["restrictProcessing"] == {"code": "NOT_PERMITTED"}
