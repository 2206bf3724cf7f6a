"""The embedded Valkey, with real servers."""

import os
import signal
import socket
import stat
import time
from urllib.parse import urlsplit

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from cockpit.embedded.redis import Valkey
from tests.embedded.starting import start_in_child


def pid_of(url: str) -> int:
    with Redis.from_url(url) as client:
        return int(client.info("server")["process_id"])


def test_first_start_asks_for_its_password(valkey: Valkey) -> None:
    url = valkey.ensure()

    with Redis.from_url(url) as client:
        assert client.ping()
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    stranger = Redis(port=urlsplit(url).port or 0, retry=Retry(NoBackoff(), 0))
    with stranger, pytest.raises(AuthenticationError):
        stranger.ping()
    assert stat.S_IMODE(valkey.state_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(valkey.home.stat().st_mode) == 0o700


def test_second_start_attaches_and_starts_nothing(valkey: Valkey) -> None:
    url, said = valkey.ensure(), list[str]()

    again = Valkey(valkey.folder, announce=said.append).ensure()

    assert again == url
    assert said == []


def test_stop_and_start_keep_what_it_holds(valkey: Valkey) -> None:
    url = valkey.ensure()
    with Redis.from_url(url) as client:
        client.set("kept", "7")

    assert valkey.stop() is True
    assert valkey.stop() is False

    assert valkey.ensure() == url
    with Redis.from_url(url) as client:
        assert client.get("kept") == b"7"


def test_it_comes_back_after_a_kill(valkey: Valkey) -> None:
    url = valkey.ensure()
    pid = pid_of(url)

    os.kill(pid, signal.SIGKILL)
    while valkey.is_running():
        time.sleep(0.01)

    assert valkey.ensure() == url
    assert pid_of(url) != pid


def test_four_processes_that_race_the_first_start_get_one_server(valkey: Valkey) -> None:
    racers = [start_in_child("valkey", valkey.folder) for _ in range(4)]
    answers = [racer.communicate(timeout=600)[0] for racer in racers]

    assert [racer.returncode for racer in racers] == [0, 0, 0, 0]
    assert len(set(answers)) == 1


def test_a_stranger_on_the_port_is_not_taken_for_it(valkey: Valkey) -> None:
    old = valkey.ensure()
    valkey.stop()

    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", urlsplit(old).port or 0))
        stranger.listen(0)
        new = valkey.ensure()

    assert new != old
    with Redis.from_url(new) as client:
        assert client.ping()
