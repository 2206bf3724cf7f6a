"""All that decides about access in one product of an account, at one policy version."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from core.access.features import features_of
from core.access.rules.decisions import Decision
from core.access.rules.grants import GrantCase, Grants, decide_grant, may_use
from core.access.rules.llms import NONE, Ids, LlmPolicy, Walks, usable_llms
from core.access.rules.paths import Path
from core.access.rules.switches import FeatureCase, Switch, decide_feature, is_on
from core.access.rules.why_llms import Case, decide_llm

# What is granted, by its type and its id: ("agent", …).
Thing = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class Said:
    """What nodes say: all that policies, switches and grants decide on, as far as they go."""

    policies: Mapping[UUID, LlmPolicy] = field(default_factory=dict)
    switches: Mapping[str, Mapping[UUID, Switch]] = field(default_factory=dict)
    grants: Mapping[Thing, Grants] = field(default_factory=dict)


NOTHING_SAID = Said()


@dataclass(frozen=True, slots=True)
class ProductAccess:
    """The rules of one product; gateway, pages and REST ask the same object.

    `offered` is the super admin's ceiling of LLMs, `on` what the account admin has switched on of
    it, `withheld` the features that the super admin does not let the account have. `grants` are
    what nodes say about things that are granted, by type and id.
    """

    product: str
    offered: Ids = NONE
    on: Ids = NONE
    policies: Mapping[UUID, LlmPolicy] = field(default_factory=dict)
    switches: Mapping[str, Mapping[UUID, Switch]] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    grants: Mapping[Thing, Grants] = field(default_factory=dict)
    # Things for everyone, and those that are switched off; who builds this asks their registries.
    open_things: frozenset[Thing] = frozenset()
    off_things: frozenset[Thing] = frozenset()
    # The feature that an LLM takes besides its policies, by the LLM's id: images are one.
    needs: Mapping[UUID, str] = field(default_factory=dict)
    # The LLMs that policies choose from: worked out once, as every call asks for it.
    ceiling: Ids = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ceiling", self.offered & self.on)

    def where(self, said: Said) -> "ProductAccess":
        """Return the same account where its nodes say this; it decides about those nodes only."""
        return replace(self, policies=said.policies, switches=said.switches, grants=said.grants)

    def llms(self, path: Path) -> Ids:
        """Return the LLMs that the end of a path may use."""
        return usable_llms(self.ceiling, path, self.policies)

    def llms_of_many(self) -> Callable[[Path], Ids]:
        """Return what says the same as `llms`, sooner where it is asked about many paths."""
        return Walks(self.ceiling, self.policies).usable

    def why_llm(self, llm: UUID, path: Path) -> Decision:
        """Return the decision about one LLM with its reasons."""
        return decide_llm(Case(llm, llm in self.offered, llm in self.on, path, self.policies))

    def callable_llms(self, path: Path) -> Ids:
        """Return the LLMs that the end of a path may call: those whose feature is on, if any."""
        usable = self.llms(path)
        off = [llm for llm, key in self.needs.items() if llm in usable and not self.has(key, path)]
        return usable.difference(off)

    def why_call(self, llm: UUID, path: Path) -> Decision:
        """Return the decision about calling one LLM: that of its policies and of its feature."""
        decision = self.why_llm(llm, path)
        key = self.needs.get(llm, "")
        feature = self.why_feature(key, path) if key else None
        if feature is None or feature.is_allowed:
            return decision
        steps = [replace(step, about=key) for step in feature.trace]
        changes = tuple(replace(change, about=key) for change in feature.flip)
        if decision.is_allowed:
            said = [replace(step, is_decisive=False) for step in decision.trace]
            return Decision(False, (*said, *steps), changes)  # noqa: FBT003  the verdict
        later = [replace(step, is_decisive=False) for step in steps]
        return Decision(False, (*decision.trace, *later), (*decision.flip, *changes))  # noqa: FBT003  the verdict

    def has(self, feature: str, path: Path) -> bool:
        """Return whether the end of a path has a feature; one that the product lacks is off."""
        case = self._feature_case(feature, path)
        return case is not None and is_on(case)

    def why_feature(self, feature: str, path: Path) -> Decision | None:
        """Return the decision about one feature with its reasons; None if the product lacks it."""
        case = self._feature_case(feature, path)
        return None if case is None else decide_feature(case)

    def may_use(
        self, thing: Thing, path: Path, *, at: datetime, within: Thing | None = None
    ) -> bool:
        """Return whether the end of a path may use a thing; `within` is what it is a part of."""
        return may_use(self._grant_case(thing, path, at, within))

    def why_thing(
        self, thing: Thing, path: Path, *, at: datetime, within: Thing | None = None
    ) -> Decision:
        """Return the decision about a thing with its reasons."""
        return decide_grant(self._grant_case(thing, path, at, within))

    def _grant_case(
        self, thing: Thing, path: Path, at: datetime, within: Thing | None
    ) -> GrantCase:
        return GrantCase(
            path=path,
            at=at,
            grants=self.grants.get(thing, {}),
            covering=self.grants.get(within, {}) if within is not None else {},
            is_open=thing in self.open_things,
            is_on=thing not in self.off_things,
        )

    def _feature_case(self, key: str, path: Path) -> FeatureCase | None:
        feature = next((each for each in features_of(self.product) if each.key == key), None)
        if feature is None:
            return None
        return FeatureCase(
            is_in_plan=key not in self.withheld,
            is_on_by_default=feature.is_on_by_default,
            path=path,
            switches=self.switches.get(key, {}),
        )
