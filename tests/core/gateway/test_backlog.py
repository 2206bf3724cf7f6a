"""How many jobs wait, as the metrics say it: from Valkey, and unknown without it."""

import math

import pytest
from django.conf import settings
from redis.asyncio import Redis

from core.gateway import metrics
from core.gateway.backlog import QUEUE, TAKEN, Backlog

pytestmark = pytest.mark.asyncio


def figures() -> tuple[float, float]:
    return metrics.JOBS_WAITING._value.get(), metrics.JOBS_TAKEN._value.get()


async def test_jobs_are_counted_where_celery_keeps_them() -> None:
    backlog, valkey = Backlog(settings.REDIS_URL), Redis.from_url(settings.REDIS_URL)
    await backlog.measure()
    before = figures()

    await valkey.rpush(QUEUE, "one", "another")
    await valkey.hset(TAKEN, "tag-of-a-test", "job")
    await backlog.measure()
    after = figures()

    await valkey.rpop(QUEUE, 2)
    await valkey.hdel(TAKEN, "tag-of-a-test")
    await valkey.aclose()
    await backlog.close()
    assert (after[0] - before[0], after[1] - before[1]) == (2, 1)


async def test_without_valkey_nobody_knows() -> None:
    # Nobody listens there.
    backlog = Backlog("redis://127.0.0.1:1/0")

    await backlog.measure()

    assert all(math.isnan(figure) for figure in figures())
    await backlog.close()
