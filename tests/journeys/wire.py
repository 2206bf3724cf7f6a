"""LLMs of each kind and vendor for the journeys of the SDKs, and what their calls have left."""

from dataclasses import dataclass
from typing import Any

from tests.journeys.calls import used
from tests.journeys.installation import Installation
from tests.journeys.providers import VENDORS, OwnLlms

# Of each vendor that has it: the kind, and the model that its fake answers for.
MEDIA = {
    "embedding": {
        "openai_compatible": "embed",
        "gemini": "gemini-embedding-001",
        "bedrock": "amazon.titan-embed-text-v2:0",
    },
    "image": {
        "openai_compatible": "draw",
        "gemini": "imagen-4.0-generate-001",
        "bedrock": "amazon.nova-canvas-v1:0",
    },
    "speech": {"openai_compatible": "speak"},
    "transcription": {"openai_compatible": "hear"},
    "rerank": {"openai_compatible": "rank"},
    "moderation": {"openai_compatible": "judge"},
}
FAILING = ("wrong-key", "error-429", "error-500", "reset-middle", "hangs")


def add_llms(own: OwnLlms) -> None:
    """Add `<vendor>`, `<vendor>-tools`, `<vendor>-<kind>` and, at OpenAI's fake, what fails."""
    for vendor in VENDORS:
        own.add(vendor, own.at(vendor, "ok"), capabilities=["tools"])
        own.add(f"{vendor}-tools", own.at(vendor, "tools"), capabilities=["tools"])
    for kind, models in MEDIA.items():
        for vendor, model in models.items():
            own.add(f"{vendor}-{kind}", own.at(vendor, model), kind=kind)
    for model in FAILING:
        own.add(model, own.at("openai_compatible", model, timeout_seconds=1), retries=0)


@dataclass
class Ledger:
    """What Acme's Console had used and recorded at a moment."""

    installation: Installation
    used: int
    events: int

    @classmethod
    def now(cls, installation: Installation) -> "Ledger":
        """Take down where things stand."""
        return cls(installation, used(installation, "acme", "console"), _count(installation))

    def new_events(self, count: int) -> list[dict[str, Any]]:
        """Wait for as many events as calls were made, and return them, oldest first."""
        self.installation.wait_for(
            "acme",
            "SELECT 1 FROM credits_usageevent WHERE product = 'console' HAVING count(*) >= %s",
            self.events + count,
            seconds=30,
        )
        rows = self.installation.rows(
            "acme",
            """SELECT * FROM credits_usageevent WHERE product = 'console'
               ORDER BY created_at, id OFFSET %s""",
            self.events,
        )
        assert len(rows) == count
        # What the wallets have lost is what the events say, once.
        now = used(self.installation, "acme", "console")
        assert now - self.used == sum(row["credits"] for row in rows)
        return rows


def _count(installation: Installation) -> int:
    found = installation.rows(
        "acme", "SELECT count(*) AS n FROM credits_usageevent WHERE product = 'console'"
    )
    return int(found[0]["n"])
