"""The checks to choose from, one file each, behind one interface."""

from collections.abc import Mapping
from typing import Any, Protocol

from core.guardrails.errors import InvalidGuardrail
from core.guardrails.presets.pii import PersonalData
from core.guardrails.verdicts import Finding


class Preset(Protocol):
    """One kind of check. It is pure: the same text and settings give the same findings."""

    @property
    def slug(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def summary(self) -> str: ...
    def clean_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return complete settings.

        Raises:
            InvalidGuardrail: a key is unknown or a value makes no sense.
        """

    def warm_up(self) -> None:
        """Load what the check needs, so that the first call need not wait for it."""

    def may_match(self, text: str) -> bool:
        """Whether a closer look is needed; cheap, and never wrong when it says no."""

    def hold_from(self, text: str) -> int:
        """Return the index from which text still to come could make or change a finding.

        A stream holds that much back.
        """

    def find(self, text: str, settings: Mapping[str, Any]) -> list[Finding]:
        """Return what the check objects to, in order and without overlaps."""


_PRESETS: dict[str, Preset] = {preset.slug: preset for preset in (PersonalData(),)}


def all_presets() -> list[Preset]:
    """Return every preset, for choices and docs."""
    return list(_PRESETS.values())


def preset_for(slug: str) -> Preset:
    """Return the preset of that name.

    Raises:
        InvalidGuardrail: there is none.
    """
    try:
        return _PRESETS[slug]
    except KeyError:
        raise InvalidGuardrail(f"There is no guardrail preset named {slug[:40]!r}.") from None
