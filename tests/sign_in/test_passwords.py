"""What a password may be, what is kept of it, and that trying one costs the same whoever it is tried for."""

import asyncio
import hashlib
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from sqlalchemy import update

from app.settings import InvalidSettings, Settings
from models.database import Database
from models.key_ring import KeyRing
from models.mutation_outcomes import Refused
from models.tables import CREDENTIALS
from models.vocabulary import RefusalCode
from permissions.caller import Caller
from permissions.rate_limits import RateLimiter
from resolvers.context import Context
from resolvers.hashing import password_hash, worker_pool
from resolvers.hashing.argon2_parameters import MIN_MEMORY_KIB
from resolvers.hashing.breached_passwords import SortedListFile
from resolvers.hashing.password_hash import MAX_PASSWORD_BYTES, Hashing, is_too_long
from resolvers.hashing.worker_pool import PoolFull, WorkerPool
from resolvers.sign_in import password_rules
from resolvers.sign_in.new_password import check_and_hash
from resolvers.sign_in.password_rules import FaultKind, faults
from tests.world import KEY, PASSWORD, World, settings_for, world_of

NEWER = "another key that is long enough to be taken for one"
LOGIN = """mutation ($email: String!, $password: String!) { login(input: {email: $email, password: $password}) {
  ... on SignedIn { accessToken } ... on Refusal { code field message retryAfterSeconds } } }"""
NOWHERE = "redis://127.0.0.1:1/0"


async def sign_in(world: World, email: str, password: str = PASSWORD) -> Any:
    return (await world.data(LOGIN, None, {"email": email, "password": password}))["login"]


@pytest.fixture
def made() -> Iterator[Callable[..., Hashing]]:
    """Hashings with these keys, newest first."""
    all: list[Hashing] = []

    def make(*keys: str, memory_kib: int = 64, passes: int = 1) -> Hashing:
        all.append(Hashing(KeyRing(keys), memory_kib=memory_kib, passes=passes))
        return all[-1]

    yield make
    for each in all:
        each.close()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, str]]:
    """What argon2 is asked to do: the act, its memory by passes, and what it is given."""
    done: list[tuple[str, int, str]] = []
    stock_verify, stock_hash = PasswordHasher.verify, PasswordHasher.hash

    def verify(self: PasswordHasher, hashed: Any, password: Any) -> Any:
        parameters = extract_parameters(hashed)
        done.append(("verify", parameters.memory_cost * parameters.time_cost, password))
        return stock_verify(self, hashed, password)

    def hash(self: PasswordHasher, password: Any, **more: Any) -> str:
        done.append(("hash", self.memory_cost * self.time_cost, password))
        return stock_hash(self, password, **more)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    monkeypatch.setattr(PasswordHasher, "hash", hash)
    return done


def total(work: list[tuple[str, int, str]]) -> int:
    return sum(cost for _, cost, _ in work)


async def test_a_wrong_password_is_the_same_work_and_the_same_bytes_for_everybody(
    world: World, made: Callable[..., Hashing], work: list[tuple[str, int, str]]
) -> None:
    await world.person("cheap@example.org", password=PASSWORD)
    await world.person("elsewhere@example.org", passwordHash=PasswordHasher(1, 8, 1).hash(PASSWORD))
    world.services.hashing = made(NEWER, KEY)
    await world.person("known@example.org", password=PASSWORD)
    await world.person("unverified@example.org", password=PASSWORD, emailVerified=False)
    await world.person("none@example.org")
    told = {}
    for who in ("known", "unverified", "none", "nobody", "cheap", "elsewhere"):
        work.clear()
        variables = {"email": f"{who}@example.org", "password": "not it, nor like it"}
        answer = await world.post(LOGIN, None, variables)
        told[who] = (total(work), [act for act, _, _ in work].count("verify"), answer.status_code, answer.content)
        if who not in ("cheap", "elsewhere"):
            assert len(work) == 1, "one verification by today's parameters and nothing else"
    assert set(told.values()) == {(64, 1, 200, told["nobody"][3])}, told


async def test_without_the_key_a_stolen_hash_says_nothing(made: Callable[..., Hashing]) -> None:
    stored = made(KEY).hash(PASSWORD)
    id, _, hashed = stored.partition("$")
    assert id == KeyRing((KEY,)).id()
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify("$" + hashed, PASSWORD)
    assert (await made(KEY).verify(stored, PASSWORD)).right
    assert not (await made(NEWER).verify(stored, PASSWORD)).right
    forged = KeyRing((NEWER,)).id() + "$" + hashed
    assert not (await made(NEWER, KEY).verify(forged, PASSWORD)).right, "it is not of the key that it names"


@pytest.mark.parametrize("stored", ["of a key that is gone", "no hash", "$argon2id$", "", None])
async def test_what_cannot_be_verified_costs_as_much_as_what_can(
    stored: str | None, made: Callable[..., Hashing], work: list[tuple[str, int, str]]
) -> None:
    if stored == "of a key that is gone":
        stored = made("a third key that is long enough, and gone").hash(PASSWORD)
    ours = made(KEY)
    work.clear()
    assert not (await ours.verify(stored, PASSWORD)).right
    assert [(act, cost) for act, cost, _ in work] == [("verify", 64)]


async def test_a_new_key_takes_over_at_the_next_sign_in(world: World, made: Callable[..., Hashing]) -> None:
    id = await world.person("p@example.org", password=PASSWORD)
    world.services.hashing = made(NEWER, KEY, memory_kib=8)
    assert "code" in await sign_in(world, "p@example.org", "wrong")
    assert (await world.account(id)).password_hash.startswith(KeyRing((KEY,)).id())
    assert "accessToken" in await sign_in(world, "p@example.org")
    kept = (await world.account(id)).password_hash
    assert kept.startswith(KeyRing((NEWER,)).id() + "$argon2id$")
    world.services.hashing = made(NEWER, memory_kib=8)
    assert "accessToken" in await sign_in(world, "p@example.org"), "the old key may go"
    assert (await world.account(id)).password_hash == kept, "and nothing is hashed anew without need"


@pytest.mark.parametrize(("memory_kib", "kept"), [(8, False), (64, False), (128, True)])
async def test_a_hash_from_elsewhere_gains_the_pepper_unless_it_is_dearer(
    memory_kib: int, *, kept: bool, world: World, made: Callable[..., Hashing]
) -> None:
    world.services.hashing = made(KEY)
    theirs = PasswordHasher(1, memory_kib, 1).hash(PASSWORD)
    id = await world.person("p@example.org", passwordHash=theirs)
    assert "accessToken" in await sign_in(world, "p@example.org")
    assert ((await world.account(id)).password_hash == theirs) is kept
    assert "accessToken" in await sign_in(world, "p@example.org")


async def test_a_change_of_password_is_not_overwritten_by_an_upgrade_that_was_slower(
    world: World, made: Callable[..., Hashing], monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await world.person("p@example.org", password=PASSWORD)
    world.services.hashing = made(KEY)
    changed = world.services.hashing.hash("quite another one of theirs")
    stock = Hashing.verify

    async def verify(self: Hashing, stored: str | None, password: str) -> password_hash.Verification:
        verdict = await stock(self, stored, password)
        if verdict.rehashed is not None:
            await set_hash(world, id, changed)
        return verdict

    monkeypatch.setattr(Hashing, "verify", verify)
    assert "code" in await sign_in(world, "p@example.org")
    assert (await world.account(id)).password_hash == changed


async def set_hash(world: World, id: str, hashed: str) -> None:
    mine = update(CREDENTIALS).where(CREDENTIALS.c.subject_id == id)
    async with world.services.database.writing() as connection:
        await connection.execute(mine.values(password_hash=hashed))


COMPOSED = "Zoë's café, Ångström 7"
EXACT = [
    "  spaces before and after  ",
    "\U0001f9c0\U0001f9c0\U0001f9c0 on toast, again",
    "ж" * 128,
    "x" * (MAX_PASSWORD_BYTES - 1),
]


@pytest.mark.parametrize("password", EXACT)
async def test_a_password_counts_to_its_last_character(world: World, password: str) -> None:
    await world.person("p@example.org", password=password)
    assert "accessToken" in await sign_in(world, "p@example.org", password)
    for other in (password.strip()[:-1], password.swapcase() + " ", password[:-1], " " + password[:-1]):
        assert (await sign_in(world, "p@example.org", other))["code"] == "INVALID_CREDENTIALS"


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_two_spellings_of_one_unicode_text_are_one_password(world: World, *, elsewhere: bool) -> None:
    composed, decomposed = (unicodedata.normalize(form, COMPOSED) for form in ("NFC", "NFD"))
    assert composed != decomposed
    if elsewhere:
        await world.person("p@example.org", passwordHash=PasswordHasher(1, 8, 1).hash(composed))
    else:
        await world.person("p@example.org", password=decomposed)
    for each in (decomposed, composed):
        assert "accessToken" in await sign_in(world, "p@example.org", each)


async def test_1025_bytes_are_refused_before_anything_is_done_to_them(
    world: World, monkeypatch: pytest.MonkeyPatch, work: list[Any]
) -> None:
    normalised: list[int] = []

    def normalize(form: str, text: str) -> str:
        normalised.append(len(text.encode()))
        return unicodedata.normalize(form, text)

    for module in (password_hash, password_rules):
        monkeypatch.setattr(module, "unicodedata", type("Counting", (), {"normalize": staticmethod(normalize)}))
    marks = "\u0301" * 512
    assert (len(marks.encode()), is_too_long(marks), is_too_long(marks + "a")) == (1024, False, True)
    for long in (marks + "a", "\u0301" * 1024, "x" * 1025, "\U0001f9c0" * 257):
        assert (await sign_in(world, "p@example.org", long))["code"] == "INVALID_INPUT"
        assert [fault.kind for fault in faults(long)] == [FaultKind.LONG]
        assert not (await world.services.hashing.verify(None, long)).right
        with pytest.raises(ValueError, match="at most 1024 bytes"):
            world.services.hashing.hash(long)
    assert (normalised, work) == ([], [])
    assert (await sign_in(world, "p@example.org", marks))["code"] == "INVALID_CREDENTIALS"
    assert normalised == [1024]


class Gate:
    """Work that begins and then waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def pass_through(self) -> str:
        self.begun.set()
        self.open.wait(30)
        return "through"


async def test_a_line_that_is_full_sheds(made: Callable[..., Hashing]) -> None:
    line, gate = WorkerPool("test", 1, 2), Gate()
    waiting = [asyncio.create_task(line.run(gate.pass_through)) for _ in range(2)]
    await asyncio.to_thread(gate.begun.wait, 30)
    with pytest.raises(PoolFull):
        await line.run(gate.pass_through)
    gate.open.set()
    assert await asyncio.gather(*waiting) == ["through", "through"]
    assert await line.run(gate.pass_through) == "through", "and takes others again"
    line.close()


async def test_what_waits_too_long_is_shed_and_what_has_begun_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "MAX_WAIT_SECONDS", 0.05)
    line, gate, never = WorkerPool("test", 1, 8), Gate(), Gate()
    first = asyncio.create_task(line.run(gate.pass_through))
    await asyncio.to_thread(gate.begun.wait, 30)
    with pytest.raises(PoolFull):
        await line.run(never.pass_through)
    gate.open.set()
    assert await first == "through"
    assert not never.begun.is_set()
    line.close()


async def test_a_thread_rests_between_two_of_a_crowd_as_long_as_it_worked_but_not_for_ever() -> None:
    line, worked = WorkerPool("test", 1, 8), []

    def work(seconds: float) -> None:
        began = time.monotonic()
        time.sleep(seconds)
        worked.append((began, time.monotonic()))

    await asyncio.gather(*(line.run(work, seconds) for seconds in (0.01, 0.2, 0)))
    (first, ended), (second, ended_again), (third, _) = worked
    assert second - ended >= min(ended - first, worker_pool.MAX_REST_SECONDS)
    assert worker_pool.MAX_REST_SECONDS <= third - ended_again < ended_again - second
    line.close()


async def test_reads_are_served_while_every_thread_that_hashes_is_taken(world: World) -> None:
    _, mine = await world.member("p@example.org")
    gate = Gate()
    taken = [asyncio.create_task(world.services.hashing.run_in_pool(gate.pass_through)) for _ in range(8)]
    await asyncio.to_thread(gate.begun.wait, 30)
    assert (await world.data("{ me { user { email } } }", mine))["me"]["user"] == {"email": "p@example.org"}
    assert [task.done() for task in taken] == [False] * 8
    gate.open.set()
    await asyncio.gather(*taken)


async def test_too_many_who_sign_in_at_once_are_told_to_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.services.hashing._usual, "_queue_length", 0)
    told = await sign_in(world, "p@example.org")
    assert (told["code"], told["retryAfterSeconds"] > 0) == ("TRY_LATER", True)
    with pytest.raises(PoolFull):
        await world.services.hashing.hash_in_pool(PASSWORD)


async def test_a_hash_made_in_the_line_is_one_that_is_verified(world: World) -> None:
    stored = await world.services.hashing.hash_in_pool(PASSWORD)
    assert (await world.services.hashing.verify(stored, PASSWORD)) == password_hash.Verification(right=True)


ADA = ("ada.lovelace@example.org", "Ada", "Lovelace")
REASONS: list[tuple[str, set[FaultKind]]] = [
    ("grey otter w", set()),
    ("grey otter ", {FaultKind.SHORT}),
    ("\U0001f9c0" * 11, {FaultKind.SHORT, FaultKind.GUESSABLE}),
    ("ж" * 129, {FaultKind.LONG}),
    ("correct horse battery staple", set()),
    ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", {FaultKind.GUESSABLE}),
    ("passwordpasswordpassword", {FaultKind.GUESSABLE, FaultKind.BREACHED}),
    ("correcthorsebatterystaple", {FaultKind.BREACHED}),
    ("correcthorsebatterystaple2026!!", {FaultKind.BREACHED}),
    ("CORRECTHORSEBATTERYSTAPLE", {FaultKind.BREACHED}),
    ("c0rr3ctH0rseB@ttery$tap|e", {FaultKind.BREACHED}),
    ("river of consentql rain", {FaultKind.CONTEXT}),
    ("river of 3DPR1NT3R0S rain", {FaultKind.CONTEXT}),
    ("river of lovelace rain", {FaultKind.CONTEXT}),
    ("river of L0VE1@CE rain", {FaultKind.CONTEXT}),
    ("river of ada.lovelace rain", {FaultKind.CONTEXT}),
    ("canada is a wide river", set()),
]


@pytest.mark.parametrize(("password", "kinds"), REASONS)
def test_a_password_is_refused_for_every_reason_there_is_and_no_other(password: str, kinds: set[FaultKind]) -> None:
    found = faults(password, words=ADA)
    assert {fault.kind for fault in found} == kinds
    assert len(found) == len(kinds)


@pytest.mark.parametrize(
    "password", ["lowercase letters only", "UPPERCASE LETTERS ONLY", "92 85 17 63 40 28", "śćół żaba łyżka"]
)
def test_nobody_is_told_which_kinds_of_letters_to_use(password: str) -> None:
    assert faults(password) == ()


def test_who_holds_a_staff_role_has_a_longer_one() -> None:
    for length, kinds in ((14, [FaultKind.SHORT]), (15, [])):
        assert [fault.kind for fault in faults("plum tide wagon"[:length], staff=True)] == kinds
        assert faults("plum tide wagon"[:length]) == ()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_length_is_counted_in_composed_characters(form: str) -> None:
    for length, kinds in ((11, [FaultKind.SHORT]), (12, [])):
        text = unicodedata.normalize(form, "éôà ñüß çåøîï"[:length])
        assert [fault.kind for fault in faults(text)] == kinds


def test_no_more_is_scored_than_can_be_scored_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[int] = []
    stock = password_rules.zxcvbn
    monkeypatch.setattr(password_rules, "zxcvbn", lambda text: scored.append(len(text)) or stock(text))
    for length in (12, 19, 20, 72, 128):
        faults(("4@8({[<369|1!i0$5+7%2" * 7)[:length])
    assert max(scored) == 19
    assert len(scored) == 5


async def test_the_refusal_names_the_input_and_every_reason_and_never_the_password(world: World) -> None:
    weak, context = "Lovelace99", Context(Caller(), world.services)
    refusal = await check_and_hash(context, weak, "input.password", ADA)
    assert isinstance(refusal, Refused)
    assert (refusal.code, refusal.field) == (RefusalCode.WEAK_PASSWORD, "input.password")
    assert all(fault.reason in refusal.message for fault in faults(weak, words=ADA))
    assert weak.lower() not in refusal.message.lower()
    assert isinstance(await check_and_hash(context, PASSWORD, "input.password", ADA), str)


def written(path: Path, passwords: list[str], *, hashed: bool) -> Path:
    """A list as an operator has it: sorted, perhaps as hashes with counts and the line ends of another system."""
    lines = [each.encode() for each in passwords]
    if hashed:
        lines = [f"{hashlib.sha1(each).hexdigest().upper()}:{len(each)}\r".encode() for each in lines]
    path.write_bytes(b"\n".join(sorted(lines)) + b"\n")
    return path


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 500])
def test_a_list_of_an_operators_own_is_searched_to_its_ends(tmp_path: Path, size: int, *, hashed: bool) -> None:
    passwords = [f"{'é' * (number % 7)}river of stones {number}" for number in range(size)]
    listed = SortedListFile(written(tmp_path / "list", passwords, hashed=hashed))
    assert all(each in listed for each in passwords)
    assert not any(
        each in listed for each in ("", "\0", "river of stones", "river of stones 5000", "￿", passwords[0] + "x")
    )
    assert [fault.kind for fault in faults("river of stones 0", listed=listed)] == [FaultKind.BREACHED]
    assert [fault.kind for fault in faults("R1ver of Stones 0!!", listed=listed)] == []
    assert faults("river of gravel 0", listed=listed) == ()
    listed.close()


def test_a_list_that_is_not_sorted_or_not_there_is_named_before_anything_starts(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("".join(f"{number}\n" for number in range(5000, 0, -1)))
    for wrong in (path, tmp_path / "nowhere"):
        with pytest.raises(InvalidSettings, match="CONSENTQL_BREACHED_PASSWORDS"):
            Settings(secret_keys=(KEY,), breached_passwords=wrong).validated()
    written(path, ["a", "b", "c"], hashed=False)
    Settings(secret_keys=(KEY,), breached_passwords=path).validated()


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize("passes", [*MIN_MEMORY_KIB, 9])
def test_no_process_starts_below_the_floor_of_owasp(environment: str, passes: int) -> None:
    floor = MIN_MEMORY_KIB[min(passes, 5)]
    sound = {
        "environment": environment,
        "secret_keys": (KEY,),
        "public_url": "https://consentql.example.org",
        "trusted_proxies": ("10.0.0.0/8",),
        "database_url": "postgresql+asyncpg://u@h/d",
    }
    Settings(**sound, password_memory_kib=floor, password_passes=passes).validated()
    with pytest.raises(InvalidSettings, match="CONSENTQL_PASSWORD_MEMORY_KIB"):
        Settings(**sound, password_memory_kib=floor - 1, password_passes=passes).validated()


def test_what_a_process_uses_is_what_its_settings_say(database: Database) -> None:
    from app.main import make_services

    services = make_services(settings_for(database, password_memory_kib=12288, password_passes=3))
    assert "m=12288,t=3,p=1" in services.hashing._decoy
    services.hashing.close()


async def test_counters_that_are_lost_allow_a_quarter_and_nobody_goes_free() -> None:
    limits = RateLimiter(NOWHERE)
    waits = await asyncio.gather(*(limits.wait("10/5 minutes", "account", "a") for _ in range(50)))
    assert sorted(wait > 0 for wait in waits) == [False] * 2 + [True] * 48
    assert await limits.wait("10/5 minutes", "account", "b") == 0, "nobody is kept out for another"
    assert [await limits.wait("1/minute", "x") > 0 for _ in range(3)] == [False, True, True], "never none at all"


class Fickle(MemoryStorage):
    """Counters that may be lost, as a server's are."""

    lost = False

    async def acquire_entry(self, *args: Any, **more: Any) -> bool:
        if self.lost:
            raise ConnectionError
        return await super().acquire_entry(*args, **more)


async def test_counters_that_come_back_are_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("permissions.rate_limits.RETRY_SECONDS", 0)
    store, limits, rate = Fickle(), RateLimiter(NOWHERE), "8/minute"
    limits._shared = MovingWindowRateLimiter(store)
    assert [await limits.wait(rate, "x") for _ in range(6)] == [0] * 6
    store.lost = True
    assert [await limits.wait(rate, "x") > 0 for _ in range(4)] == [False, False, True, True]
    store.lost = False
    assert [await limits.wait(rate, "x") > 0 for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("url", [None, NOWHERE])
async def test_a_bucket_is_forgotten_for_the_account_that_proved_itself_alone(url: str | None) -> None:
    limits, rate = RateLimiter(url), "4/minute"
    for who in ("a", "b"):
        while not await limits.wait(rate, "account", who):
            pass
    await limits.forget(rate, "account", "a")
    assert await limits.wait(rate, "account", "a") == 0
    assert await limits.wait(rate, "account", "b") > 0


async def test_an_operator_sees_that_counters_are_lost_and_reads_go_on(database: Database) -> None:
    for url, told in ((None, {"status": "ready"}), (NOWHERE, {"status": "ready", "limits": "local"})):
        world = world_of(database, limits=RateLimiter(url))
        answer = await world.client.get("/health/ready")
        assert (answer.status_code, answer.json()) == (200, told)
        _, mine = await world.member(f"{len(told)}@example.org")
        assert (await world.data("{ viewer { role } }", mine))["viewer"]["role"] == "MEMBER"
        world.services.hashing.close()


async def test_nothing_in_the_environment_turns_on_what_production_does_not_show(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GRAPHIQL", "INTROSPECTION", "DEBUG", "SUGGESTIONS"):
        monkeypatch.setenv(f"CONSENTQL_{name}", "on")
    world = world_of(database, settings_for(database, environment="production"))
    assert (await world.client.get("/graphql")).status_code == 405
    assert "errors" in await world.ask("{ __schema { types { name } } }")
    world.services.hashing.close()
