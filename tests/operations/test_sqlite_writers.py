"""On SQLite, transactions that write wait in line, and nobody who only reads waits for them."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from models.columns import new_id
from models.connections.unavailable import is_busy
from models.database import Database
from models.tables import UNSCRUBBED

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

MANY = 50
"""More than all connections of a pool."""
FULL = 2
COUNT = select(func.count()).select_from(UNSCRUBBED)


async def write(database: Database, name: str = "x", *, patient: bool = False) -> None:
    async with database.writing(patient=patient) as connection:
        await connection.execute(insert(UNSCRUBBED).values(id=new_id(), name=name))


async def count(database: Database) -> int:
    async with database.reading() as connection:
        return int((await connection.execute(COUNT)).scalar_one())


@contextmanager
def other_process_writes(database: Database) -> Iterator[None]:
    """Holds the write lock of the file, as another process would."""
    connection = sqlite3.connect(str(make_url(database.url).database), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


async def test_a_commit_is_on_the_disk_before_it_is_acknowledged(database: Database) -> None:
    async with database.writing() as writer, database.reading() as reader:
        for connection in (writer, reader):
            assert (await connection.exec_driver_sql("PRAGMA synchronous")).scalar_one() >= FULL


async def test_reads_are_answered_while_more_writers_wait_than_there_are_connections(database: Database) -> None:
    with other_process_writes(database):
        writers = [asyncio.create_task(write(database, patient=True)) for _ in range(MANY)]
        for _ in range(MANY):
            assert await count(database) == 0
            async with database.snapshot() as snapshot, database.acting() as acting:
                assert [(await each.execute(COUNT)).scalar_one() for each in (snapshot, acting)] == [0, 0]
        assert not any(each.done() for each in writers)
    await asyncio.gather(*writers)
    assert await count(database) == MANY


async def test_writers_begin_in_the_order_in_which_they_came(database: Database) -> None:
    async with database.writing():
        writers = []
        for number in range(MANY):
            writers.append(asyncio.create_task(write(database, str(number))))
            await asyncio.sleep(0)  # it stands in line
    await asyncio.gather(*writers)
    async with database.reading() as connection:
        names = (await connection.execute(select(UNSCRUBBED.c.name).order_by(text("rowid")))).scalars().all()
    assert names == [str(number) for number in range(MANY)]


@pytest.mark.parametrize("holder", ["this process", "another process"])
async def test_a_writer_gives_up_in_time_and_the_next_one_writes(database: Database, holder: str) -> None:
    database.write_wait_seconds = 0.01
    if holder == "this process":
        async with database.writing():
            with pytest.raises(OperationalError) as refused:
                await write(database)
    else:
        with other_process_writes(database), pytest.raises(OperationalError) as refused:
            await write(database)
    assert is_busy(refused.value.orig)
    await write(database)
    assert await count(database) == 1


async def test_a_patient_writer_outlasts_the_others(database: Database) -> None:
    database.write_wait_seconds = 0.0
    with other_process_writes(database):
        waiting = asyncio.create_task(write(database, patient=True))
        with pytest.raises(OperationalError):
            await write(database)
        assert not waiting.done()
    await waiting
    assert await count(database) == 1


async def test_a_cancelled_writer_holds_up_nobody(database: Database) -> None:
    with other_process_writes(database):
        first, second = (asyncio.create_task(write(database, name, patient=True)) for name in ("first", "second"))
        await count(database)
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        assert not second.done()
    await second
    third = asyncio.create_task(write(database))
    await third
    assert await count(database) == 2


async def test_a_writer_cancelled_within_a_statement_holds_up_nobody_while_its_failure_is_kept(
    database: Database,
) -> None:
    loop = asyncio.get_running_loop()

    async def write_and_read() -> None:
        async with database.writing() as connection:
            await connection.execute(insert(UNSCRUBBED).values(id=new_id(), name="cancelled"))
            driver = (await connection.get_raw_connection()).driver_connection
            await driver.create_function("cancel", 0, lambda: bool(loop.call_soon_threadsafe(task.cancel)))  # type: ignore[union-attr]
            await connection.exec_driver_sql("SELECT cancel()")

    task = asyncio.create_task(write_and_read())
    (kept,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(kept, asyncio.CancelledError)
    await write(database)
    assert await count(database) == 1


async def test_a_transaction_that_fails_is_rolled_back_and_frees_its_place(database: Database) -> None:
    async def fail() -> None:
        async with database.writing() as connection:
            await connection.execute(insert(UNSCRUBBED).values(id=new_id(), name="lost"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    await write(database)
    assert await count(database) == 1


async def test_a_connection_of_the_readers_cannot_write(database: Database) -> None:
    for opened in (database.reading, database.snapshot, database.acting):
        async with opened() as connection:
            with pytest.raises(OperationalError, match="readonly"):
                await connection.execute(insert(UNSCRUBBED).values(id=new_id(), name="x"))
    assert await count(database) == 0
