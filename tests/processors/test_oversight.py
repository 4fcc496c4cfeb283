"""Metrics and the oversight command show withdrawals that wait for acknowledgement."""

import re
from datetime import timedelta
from pathlib import Path

from prometheus_client import generate_latest
from sqlalchemy import update

from app.operations.backlog import measure_withdrawals
from models.tables import WITHDRAWALS
from models.telemetry.catalogue import REGISTRY
from models.vocabulary import Role
from tests.processors.parties import WITHDRAW, Parties
from tests.serving import consentql
from tests.world import World


async def gauges(world: World) -> dict[str, float]:
    """The withdrawal metrics."""
    await measure_withdrawals(world.services)
    text = generate_latest(REGISTRY).decode()
    told = re.findall(r'^consentql_(withdrawals?_\w+)\{processor="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {f"{name} {processor}": float(value) for name, processor, value in told}


async def test_metrics_show_unacknowledged_withdrawals_and_the_age_of_the_oldest(parties: Parties) -> None:
    _, other = await parties.world.member("other@example.org")
    other_id = (await parties.world.data("{ me { user { id } } }", other))["me"]["user"]["id"]
    await parties.rows("MAILCHIMP", parties.subject, other_id)
    await parties.rows("INTERCOM")
    moment = parties.world.services.now()
    parties.world.services.now = lambda: moment
    await parties.as_subject(WITHDRAW)
    parties.world.services.now = lambda: moment + timedelta(hours=1)
    await parties.as_subject(WITHDRAW, token=other)
    parties.world.services.now = lambda: moment + timedelta(hours=3)
    waiting = {"INTERCOM": (1, 3), "MAILCHIMP": (2, 3), "MANDRILL": (0, 0), "GOOGLE_ANALYTICS": (0, 0)}

    def told() -> dict[str, float]:
        many = {f"withdrawals_outstanding {processor}": many for processor, (many, _) in waiting.items()}
        many |= {f"withdrawals_overdue {each}": 0 for each in waiting}
        return many | {f"withdrawal_oldest_seconds {each}": hours * 3600.0 for each, (_, hours) in waiting.items()}

    assert await gauges(parties.world) == told()
    await parties.acknowledge("MAILCHIMP", (await parties.withdrawals("MAILCHIMP"))[0]["id"])
    await parties.acknowledge_all("INTERCOM")
    waiting |= {"INTERCOM": (0, 0), "MAILCHIMP": (1, 2)}
    assert await gauges(parties.world) == told()


async def test_oversight_lists_overdue_withdrawals_and_the_person_of_each_pseudonym(
    parties: Parties, tmp_path: Path
) -> None:
    world = parties.world
    agent = await world.person("agent@example.org")
    await world.token(Role.SUPPORT, agent)
    operations = await world.token(Role.OPERATIONS, await world.person("operations@example.org"))
    for processor in ("MAILCHIMP", "INTERCOM"):
        await parties.rows(processor)
    await parties.as_subject(WITHDRAW)
    case = f'subjectId: "{parties.subject}", reference: "T", reason: "r", extent: [EMAIL]'
    support = await world.token(Role.SUPPORT, agent)
    await world.data(f"mutation {{ openSupportCase(input: {{{case}}}) {{ __typename }} }}", support)
    url = world.services.database.url
    done = consentql(url, "oversight", cwd=tmp_path)
    assert (done.returncode, "overdue" in done.stdout) == (0, False), "not overdue within three days"
    async with world.services.database.writing() as connection:
        late = WITHDRAWALS.c.processor == "MAILCHIMP"
        await connection.execute(update(WITHDRAWALS).where(late).values(due_at=world.services.now()))
    lines = consentql(url, "oversight", cwd=tmp_path).stdout.splitlines()
    assert [each.split(" since")[0] for each in lines if "overdue" in each] == ["overdue: MAILCHIMP: 1 withdrawals"]
    assert "open cases without an agent: 1" in lines
    listed = (await world.data("{ staff { edges { node { id pseudonym } } } }", operations))["staff"]["edges"]
    names = {edge["node"]["id"]: edge["node"]["pseudonym"] for edge in listed}
    assert any(each.startswith(f"{names[agent]}: {agent}: SUPPORT from ") for each in lines)
    assert "@" not in "".join(lines), "oversight reads no address, because it writes no ledger entry"
