"""`manage.py prepare`, and what it says of servers that it cannot use."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from cockpit.management.commands import prepare
from cockpit.settings.database import _database

ROOT = Path(__file__).resolve().parents[2]


def test_a_valkey_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(prepare.Command, "_step", lambda *_, **__: None)
    settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"

    with pytest.raises(CommandError, match="The server of REDIS_URL cannot be used") as caught:
        call_command("prepare")

    assert "secret" not in str(caught.value)


def test_an_address_that_is_none_ends_with_a_sentence() -> None:
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "mysql://x", "REDIS_URL": "redis://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr == (
        "Cockpit: DATABASE_URL must look like postgresql://user:pw@host/name.\n"
    )


def test_parameters_of_the_address_reach_the_driver() -> None:
    found = _database("postgresql://robin:p%40ss@db.company.example/cockpit?sslmode=require")

    assert found["PASSWORD"] == "p@ss"
    assert found["OPTIONS"]["sslmode"] == "require"
    assert found["OPTIONS"]["pool"]["timeout"] == 15
