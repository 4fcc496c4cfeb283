"""The directory, its search and the map show exactly what the caller may read of each subject."""

import random
from typing import Any

import pytest
from sqlalchemy import delete, inspect, select

from models.tables import ACCOUNTS
from models.vocabulary import EVERY_FIELD, Audience, Role
from permissions.caller import Caller
from permissions.masked_columns import FOLDED_SUFFIX, query_parameters
from resolvers.subjects.read_subjects import select_directory
from tests.http.requests import ONE_DATABASE
from tests.world import World, codes, line

PAGE = """query ($first: Int, $after: String, $last: Int, $before: String, $search: String) {
  users(first: $first, after: $after, last: $last, before: $before, search: $search) {
    edges { cursor node { id firstName } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
SEARCHED = ("firstName", "lastName", "organization", "specialization", "country", "city")


async def page(world: World, token: str, **arguments: Any) -> Any:
    return (await world.data(PAGE, token, arguments))["users"]


async def search_ids(world: World, token: str, search: str) -> set[str]:
    return {edge["node"]["id"] for edge in (await page(world, token, search=search, first=100))["edges"]}


async def test_every_page_is_the_slice_that_the_arguments_name(world: World) -> None:
    people = [line(f"p{number}@example.org", profile={"firstName": f"n{number}"}) for number in range(9)]
    ids = sorted(await world.store_people(*people))
    token = await world.token(holder=ids[0])
    whole = await page(world, token, first=100)
    cursors = [edge["cursor"] for edge in whole["edges"]]
    assert [edge["node"]["id"] for edge in whole["edges"]] == ids
    chance = random.Random(5)
    for _ in range(60):
        after = chance.choice([None, *range(9)])
        before = chance.choice([None, *range(9)])
        size, forward = chance.randint(1, 10), chance.random() < 0.5
        arguments: dict[str, Any] = {"first" if forward else "last": size}
        arguments |= {"after": cursors[after]} if after is not None else {}
        arguments |= {"before": cursors[before]} if before is not None else {}
        low, high = (-1 if after is None else after), (9 if before is None else before)
        window = [place for place in range(9) if low < place < high]
        expected = window[:size] if forward else window[-size:]
        answer = await page(world, token, **arguments)
        assert [edge["node"]["id"] for edge in answer["edges"]] == [ids[place] for place in expected], arguments
        info = answer["pageInfo"]
        if expected:
            assert info["hasNextPage"] == (expected[-1] < 8), arguments
            assert info["hasPreviousPage"] == (expected[0] > 0), arguments
            assert (info["startCursor"], info["endCursor"]) == (cursors[expected[0]], cursors[expected[-1]])


async def test_the_default_page_size_is_twenty_and_before_pages_backwards(world: World) -> None:
    ids = sorted(await world.store_people(*(line(f"p{number}@example.org") for number in range(45))))
    token = await world.token(holder=ids[0])
    first = await page(world, token)
    assert [edge["node"]["id"] for edge in first["edges"]] == ids[:20]
    last = (await page(world, token, last=1))["edges"][0]["cursor"]
    back = await page(world, token, before=last)
    assert [edge["node"]["id"] for edge in back["edges"]] == ids[24:44]


async def test_a_cursor_is_bound_to_person_role_field_and_search(world: World) -> None:
    ids = await world.store_people(*(line(f"p{number}@example.org") for number in range(3)))
    mine, other = await world.token(holder=ids[0]), await world.token(holder=ids[1])
    cursor = (await page(world, mine, first=1))["edges"][0]["cursor"]
    assert (await page(world, mine, after=cursor, first=100))["edges"]
    assert (await page(world, await world.token(holder=ids[0]), after=cursor))["edges"], (
        "a new session is the same person"
    )
    strange = [
        await world.ask(PAGE, other, {"after": cursor}),
        await world.ask(PAGE, mine, {"after": cursor, "search": "amara"}),
        await world.ask(PAGE, mine, {"after": cursor + "A"}),
        await world.ask(PAGE, mine, {"after": cursor[:-1]}),
        await world.ask(PAGE, mine, {"after": ids[0]}),
        await world.ask(PAGE, mine, {"before": ""}),
        await world.ask(
            "query ($c: String) { me { consentHistory(after: $c) { edges { cursor } } } }", mine, {"c": cursor}
        ),
    ]
    assert [codes(answer) for answer in strange] == [["INVALID_CURSOR"]] * len(strange)


async def test_the_cursor_of_an_erased_subject_skips_no_one(world: World) -> None:
    ids = sorted(await world.store_people(*(line(f"p{number}@example.org") for number in range(5))))
    token = await world.token(holder=ids[0])
    cursor = (await page(world, token, first=2))["pageInfo"]["endCursor"]
    gone = await world.token(holder=ids[1])
    await world.data("mutation { withdrawConsent(purpose: SOCIAL) { __typename } }", gone)
    rest = await page(world, token, after=cursor)
    assert [edge["node"]["id"] for edge in rest["edges"]] == ids[2:]


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"first": 0}, "first"),
        ({"first": -1}, "first"),
        ({"first": 101}, "first"),
        ({"first": 1_000_000_000}, "first"),
        ({"last": 0}, "last"),
        ({"first": 1, "last": 1}, "last"),
        ({"search": "x"}, "search"),
        ({"search": "x" * 65}, "search"),
        ({"search": "a\0b"}, "search"),
    ],
)
async def test_an_argument_out_of_range_is_an_error_that_names_it(
    world: World, arguments: dict[str, Any], argument: str
) -> None:
    _, token = await world.member("p@example.org")
    answer = await world.ask(PAGE, token, arguments)
    assert answer["data"] == {"users": None}
    assert codes(answer) == ["BAD_USER_INPUT"]
    assert answer["errors"][0]["extensions"]["argument"] == argument


@pytest.mark.parametrize("column", SEARCHED)
async def test_search_matches_only_columns_that_the_caller_may_read(world: World, column: str) -> None:
    word = "NO" if column == "country" else "Quixotic"
    shows = await world.person("shows@example.org", profile={column: word})
    hidden = {"firstName": "FIRST_NAME", "lastName": "LAST_NAME"}.get(column, column.upper())
    await world.person("hides@example.org", profile={column: word}, hidden=[hidden])
    await world.person("refuses@example.org", (), profile={column: word})
    await world.person("unverified@example.org", profile={column: word}, emailVerified=False)
    reader, token = await world.member("reader@example.org", profile={"lastName": "Zz"})
    assert await search_ids(world, token, word.lower()) == {shows}
    self_id, own = await world.member("own@example.org", profile={column: word}, hidden=[hidden])
    assert await search_ids(world, own, word) == {shows, self_id}
    assert reader not in await search_ids(world, token, word)


@pytest.mark.parametrize("column", ["mobilePhone", "streetAddress", "about", "avatarUrl"])
async def test_search_reads_no_other_column(world: World, column: str) -> None:
    value = "+37255554444" if column == "mobilePhone" else "https://wort.example.org/wort"
    await world.person("subject@example.org", profile={column: value})
    _, token = await world.member("reader@example.org", profile={})
    for part in ("wort", "5554444", "subject", "example", "372"):
        assert await search_ids(world, token, part) == set()


async def test_search_folds_case_and_treats_wildcards_as_text(world: World) -> None:
    strasse = await world.person("a@example.org", profile={"city": "Weiße STRASSE"})
    percent = await world.person("b@example.org", profile={"city": "100% _wool_"})
    wide = await world.person("c@example.org", profile={"organization": "Ｌａｂ Żółw"})
    _, token = await world.member("reader@example.org", profile={})
    assert await search_ids(world, token, "weisse strasse") == {strasse}
    assert await search_ids(world, token, "STRASSE weiße") == {strasse}
    assert await search_ids(world, token, "100%") == {percent}
    assert await search_ids(world, token, "_wool_") == {percent}
    assert await search_ids(world, token, "%%") == set()
    assert await search_ids(world, token, "__") == set()
    assert await search_ids(world, token, "lab żÓŁW") == {wide}
    assert await search_ids(world, token, "o'r \"x") == set()


async def test_the_map_matches_the_counts_of_the_directory(world: World) -> None:
    chance = random.Random(3)
    addresses = ["90.190.1.7", "133.5.1.1", "12.34.5.6", "10.0.0.1", None, "2a01:111f::1"]
    people = []
    for number in range(40):
        purposes = ("SOCIAL",) if chance.random() < 0.7 else ()
        hidden = chance.choice([[], ["LOCATION"], ["EMAIL"]])
        verified = chance.random() < 0.8
        address = chance.choice(addresses)
        people.append(
            line(f"p{number}@example.org", purposes, hidden=hidden, emailVerified=verified, ipAddress=address)
        )
    ids = await world.store_people(*people)
    verified_ids = [id for id, each in zip(ids, people, strict=True) if each["emailVerified"]]
    for reader in chance.sample(verified_ids, 6):
        token = await world.token(holder=reader)
        edges = (await world.data("{ users(first: 100) { edges { node { location { country city } } } } }", token))[
            "users"
        ]
        counted: dict[str, int] = {}
        for edge in edges["edges"]:
            if place := edge["node"]["location"]:
                counted[place["country"]] = counted.get(place["country"], 0) + 1
        shown = (await world.data("{ userMap { place { country city latitude longitude } count } }", token))["userMap"]
        assert {each["place"]["country"]: each["count"] for each in shown} == counted


async def test_the_number_of_statements_does_not_depend_on_the_page(world: World) -> None:
    from tests.statements import recorded_statements

    ids = await world.store_people(*(line(f"p{number}@example.org") for number in range(60)))
    token = await world.token(holder=ids[0])
    await page(world, token, first=1)
    sizes = set()
    for first in (1, 10, 60):
        async with recorded_statements(world.services.database) as statements:
            await page(world, token, first=first)
        sizes.add(len(statements))
    assert len(sizes) == 1


async def test_a_page_selects_only_the_requested_columns(world: World) -> None:
    from tests.statements import recorded_statements

    _, token = await world.member("p@example.org")
    async with recorded_statements(world.services.database) as statements:
        await world.data("{ users(first: 5) { edges { node { firstName } } } }", token)
    (read,) = [text for text in statements if "first_name" in text]
    assert "mobile_phone" not in read
    assert "pre_registrations" not in read


async def test_an_erased_subject_is_absent_everywhere(world: World) -> None:
    ids = await world.store_people(line("a@example.org"), line("b@example.org"))
    token = await world.token(holder=ids[0])
    from models.tables import CREDENTIALS, PRE_REGISTRATIONS, PROFILES

    async with world.services.database.writing() as connection:
        for table in (CREDENTIALS, PROFILES, PRE_REGISTRATIONS):
            await connection.execute(delete(table).where(table.c.subject_id == ids[1]))
        await connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.id == ids[1]))
        assert (await connection.execute(select(ACCOUNTS.c.id))).scalars().all() == [ids[0]]
    gone = await world.post("query ($id: ID!) { user(id: $id) { id } }", token, {"id": ids[1]})
    unknown = await world.post("query ($id: ID!) { user(id: $id) { id } }", token, {"id": "0" * 32})
    assert gone.content == unknown.content


@ONE_DATABASE
async def test_sqlite_reads_a_page_in_the_order_of_its_index(world: World) -> None:
    """Otherwise it reads the public pages of everyone, and sorts them, for each page."""
    statement = select_directory(Audience.MEMBERS, EVERY_FIELD, profile=True).order_by(ACCOUNTS.c.id).limit(101)
    asked = statement.compile(dialect=world.services.database.engine.dialect)
    values = query_parameters(Caller(Role.MEMBER, "a", "b", "c", verified=True))
    sent = tuple({**asked.params, **values}[name] for name in asked.positiontup or ())
    async with world.services.database.reading() as connection:
        plan = str((await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", sent)).all())
    assert "TEMP B-TREE" not in plan, plan


async def test_the_columns_of_a_search_come_before_the_long_ones(world: World) -> None:
    """SQLite reads a row from its beginning, and public pages fill many pages of the file."""
    async with world.services.database.reading() as connection:
        columns = await connection.run_sync(lambda sync: inspect(sync).get_columns("profiles"))
    names = [column["name"] for column in columns]
    searched = [name for name in names if name.endswith(FOLDED_SUFFIX)]
    assert max(map(names.index, searched)) < min(map(names.index, ("about", "public_pages", "avatar_url")))
