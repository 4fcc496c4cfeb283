"""Ids of objects without a row: clients with a cache tell them apart, and they reveal nothing else."""

from typing import Any

from models.vocabulary import Role
from tests.world import PASSWORD, World

IDS = """{ viewer { id session { id } user { id } }
  me { id user { id } consents { id purpose } processors { id processor } sessions { id } } }"""
VIEWER = "{ viewer { id } }"
CHANGES = """mutation { withdrawConsent(purpose: SOCIAL) { ... on ConsentChanged { consents { id purpose } } }
  objectToProcessor(processor: MAILCHIMP) { ... on ObjectionChanged { processor { id processor } } } }"""


def ids_of(value: Any) -> list[str]:
    """Returns every id of an answer."""
    if isinstance(value, list):
        return [id for each in value for id in ids_of(each)]
    if not isinstance(value, dict):
        return []
    own = [value["id"]] if "id" in value else []
    return own + [id for each in value.values() for id in ids_of(each)]


async def test_an_id_names_one_object_and_is_the_same_each_time(world: World) -> None:
    seen: set[str] = set()
    for email in ("p@example.org", "q@example.org"):
        holder, token = await world.member(email)
        answer = await world.data(IDS, token)
        assert answer == await world.data(IDS, token)
        assert answer["me"]["user"]["id"] == answer["viewer"]["user"]["id"] == holder
        mine = set(ids_of(answer))
        assert len(mine) == 1 + 1 + 1 + 1 + 3 + 4, "viewer, user, account, session, purposes and processors"
        assert all(id.isalnum() and len(id) <= 48 for id in mine)
        assert not seen & mine
        seen |= mine
        changed = await world.data(CHANGES, token)
        assert changed["withdrawConsent"]["consents"] == answer["me"]["consents"]
        assert changed["objectToProcessor"]["processor"] in answer["me"]["processors"]


async def test_a_viewer_has_another_id_for_each_token_and_visitors_share_one(world: World) -> None:
    holder = await world.person("p@example.org", password=PASSWORD)
    tokens = [await world.token(holder=holder), await world.token(holder=holder)]
    tokens += [await world.token(role, holder) for role in (Role.SUPPORT, Role.SUPPORT, Role.COMPLIANCE)]
    ids = [(await world.data(VIEWER, token))["viewer"]["id"] for token in tokens]
    visitors = {(await world.data(VIEWER))["viewer"]["id"] for _ in range(2)}
    assert len(visitors) == 1
    assert len({*ids, *visitors}) == len(tokens) + 1
    login = """mutation ($e: String!, $p: String!) { login(input: { email: $e, password: $p }) {
      ... on SignedIn { accessToken viewer { id session { id } } } } }"""
    signed_in = (await world.data(login, None, {"e": "p@example.org", "p": PASSWORD}))["login"]
    assert (await world.data(VIEWER, signed_in["accessToken"]))["viewer"]["id"] == signed_in["viewer"]["id"]
    assert signed_in["viewer"]["id"] not in ids


async def test_an_id_cannot_be_computed_without_the_keys(world: World) -> None:
    _, token = await world.member("p@example.org")
    before = ids_of(await world.data("{ viewer { id } me { consents { id } processors { id } } }", token))
    world.services.keys = type(world.services.keys)(("another secret key of enough length",))
    after = ids_of(await world.data("{ viewer { id } me { consents { id } processors { id } } }", token))
    assert not set(before) & set(after)
