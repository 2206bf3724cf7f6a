"""The cache answers with Valkey and without."""

import pytest
from django.core.cache import cache, caches
from redis import Redis
from redis.exceptions import ConnectionError as Gone

from core.kit.steady_cache import SteadyCache


@pytest.fixture
def without_valkey(monkeypatch: pytest.MonkeyPatch) -> None:
    """Valkey has gone away."""

    def gone(*_: object, **__: object) -> None:
        raise Gone("Valkey is restarting.")

    monkeypatch.setattr(Redis, "execute_command", gone)
    monkeypatch.setattr("redis.client.Pipeline.execute", gone)


def test_the_products_cache_is_this_one() -> None:
    assert isinstance(caches.create_connection("default"), SteadyCache)


def test_with_valkey_it_is_shared(redis: Redis) -> None:
    cache.set("a", 1)

    assert redis.dbsize() == 1


def test_without_valkey_a_process_remembers_for_itself(without_valkey: None) -> None:
    assert cache.add("b", 1)
    assert not cache.add("b", 2)

    cache.set_many({"c": 3, "d": 4})

    assert cache.get_many(["b", "c", "d"]) == {"b": 1, "c": 3, "d": 4}
    assert cache.incr("c") == 4
    assert "d" in cache
    assert cache.touch("d", 60)
    assert cache.delete("d")
    cache.delete_many(["b", "c"])
    assert cache.get("b") is None


def test_an_outage_is_said_once_a_minute(
    without_valkey: None, caplog: pytest.LogCaptureFixture
) -> None:
    fresh = caches.create_connection("default")

    for _ in range(3):
        fresh.get("a")

    assert caplog.text.count("cache_without_valkey") == 1
