"""Personal data by patterns and checksums: presidio's recognisers, without any language model.

Everything runs in the process and offline. Three of presidio's ways are not taken:

- its e-mail recogniser asks `tldextract`, which fetches a list of suffixes from the network;
- its `analyze()` skips a pattern that runs out of time and says nothing, so that a crafted text
  would pass unchecked; here a lack of time is an error, and a mandatory guardrail then refuses;
- it looks at the whole text with every pattern, about 10 ms per 1,000 characters. Each of these
  entities contains an "@", a digit or a colon, so only the surroundings of those are looked at.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import regex

from core.guardrails.errors import InvalidGuardrail
from core.guardrails.verdicts import Finding

# A prompt that takes longer is either an attack or too long to be checked in line.
BUDGET_SECONDS = 5.0
# One pattern over one neighbourhood of a few hundred characters needs microseconds.
PATTERN_TIMEOUT_SECONDS = 0.5
# In so few characters no pattern takes longer than some milliseconds, whatever stands there; and
# looking at the clock costs several times what most patterns do.
TIMELESS_CHARACTERS = 256

# Weaker patterns, such as nine bare digits, count only near a word that explains them.
MINIMUM_SCORE = 0.35
CONTEXT_CHARACTERS = 60

_GENERIC = "presidio_analyzer.predefined_recognizers.generic"
_COUNTRY = "presidio_analyzer.predefined_recognizers.country_specific"

# Label: module and class of presidio's recogniser. Where two overlap, the earlier one names it.
_RECOGNISERS: dict[str, tuple[str, str]] = {
    "EMAIL": (f"{_GENERIC}.email_recognizer", "EmailRecognizer"),
    "IBAN": (f"{_GENERIC}.iban_recognizer", "IbanRecognizer"),
    "CREDIT_CARD": (f"{_GENERIC}.credit_card_recognizer", "CreditCardRecognizer"),
    "US_SSN": (f"{_COUNTRY}.us.us_ssn_recognizer", "UsSsnRecognizer"),
    "US_ITIN": (f"{_COUNTRY}.us.us_itin_recognizer", "UsItinRecognizer"),
    "IP_ADDRESS": (f"{_GENERIC}.ip_recognizer", "IpRecognizer"),
    "MAC_ADDRESS": (f"{_GENERIC}.mac_recognizer", "MacAddressRecognizer"),
    "CRYPTO_WALLET": (f"{_GENERIC}.crypto_recognizer", "CryptoRecognizer"),
    "PHONE": (f"{_GENERIC}.phone_recognizer", "PhoneRecognizer"),
    "UK_NHS": (f"{_COUNTRY}.uk.uk_nhs_recognizer", "NhsRecognizer"),
    "UK_NINO": (f"{_COUNTRY}.uk.uk_nino_recognizer", "UkNinoRecognizer"),
    "ES_NIF": (f"{_COUNTRY}.spain.es_nif_recognizer", "EsNifRecognizer"),
    "IT_FISCAL_CODE": (f"{_COUNTRY}.italy.it_fiscal_code_recognizer", "ItFiscalCodeRecognizer"),
    "PL_PESEL": (f"{_COUNTRY}.poland.pl_pesel_recognizer", "PlPeselRecognizer"),
    "IN_AADHAAR": (f"{_COUNTRY}.india.in_aadhaar_recognizer", "InAadhaarRecognizer"),
}
ENTITIES = tuple(_RECOGNISERS)
# Signs of which one stands in every such address.
_NEEDED_SIGNS = {"IP_ADDRESS": ".:", "MAC_ADDRESS": ".:-"}
# Numbers of one country match other countries' order numbers too often to be on for everybody.
DEFAULT_ENTITIES = ENTITIES[: ENTITIES.index("UK_NHS")]
DEFAULT_REGIONS = ("US", "GB", "DE", "FR", "IN", "CA")

_AT = regex.compile("@")
# A digit of any script; or the colons and dashes of addresses that happen to have none.
_DIGIT = regex.compile(r"\d|::|[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]|[A-Fa-f]{1,4}:[A-Fa-f]{1,4}:")
_EITHER = regex.compile(r"@|" + _DIGIT.pattern)
# Seven digits or more with at most four other signs between two of them, and what follows:
# `phonenumbers` looks at nothing else, and is slow at looking.
_PHONE_LIKE = regex.compile(r"[+(\[]{0,3}\d(?:[^\w\n]{0,4}\d){6,}(?=(\D{0,6}))")
# An address has at most 64 characters before the "@" and 255 after it (RFC 5321).
_AT_REACH = 320
_DIGIT_REACH = 64
_LONGEST_PIECE = 4096

# Runs that end where a stream stands at the moment.
_LOCAL_PART = regex.compile(r"[(\[]{0,3}[!#$%&'*+\-/=?^_`{|}~.\w]*$")
_DOMAIN_PART = regex.compile(r"[\w.-]*")
_WORD = regex.compile(r"\S*$")


class PersonalData:
    """Finds e-mail addresses, phone, card, account and identity numbers, network addresses."""

    slug = "pii"
    title = "Personal data (PII)"
    summary = (
        "Finds e-mail addresses, phone numbers, payment cards, bank accounts, social security "
        "numbers and network addresses by their patterns and checksums. It does not find names."
    )

    def clean_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return complete settings: `entities` to look for, `regions` of national phone numbers."""
        unknown = set(settings) - {"entities", "regions"}
        if unknown:
            raise InvalidGuardrail(f"Unknown setting: {', '.join(sorted(unknown))}.")
        entities = _chosen(settings.get("entities", DEFAULT_ENTITIES), ENTITIES, "entities")
        regions = _chosen(settings.get("regions", DEFAULT_REGIONS), _phone_regions(), "regions")
        return {"entities": entities, "regions": regions}

    def warm_up(self) -> None:
        """Load the recognisers; importing presidio takes seconds on a cold machine."""
        for label in ENTITIES:
            _recogniser(label)
        self.find("Call +1 650 253 0000 or write to ada@example.com.", {})

    def may_match(self, text: str) -> bool:
        """Whether the text has any of the characters that all these entities contain."""
        return _EITHER.search(text) is not None

    def hold_from(self, text: str) -> int:
        """Return where an unfinished word, address or number begins, at most a few hundred back."""
        end = len(text)
        near = max(end - _DIGIT_REACH, 0)
        hold = _start_of_run(_LOCAL_PART, text, end)
        at = text.rfind("@", max(end - _AT_REACH, 0))
        if at >= 0 and _DOMAIN_PART.fullmatch(text, at + 1):
            hold = min(hold, _start_of_run(_LOCAL_PART, text, at))
        digit = _DIGIT.search(text, near)
        if digit is not None:
            hold = min(hold, _start_of_run(_WORD, text, digit.start()))
        return hold

    def find(self, text: str, settings: Mapping[str, Any]) -> list[Finding]:
        """Return the personal data in a text, in order and without overlaps.

        Raises:
            TimeoutError: the text could not be searched in time.
        """
        entities = settings.get("entities", DEFAULT_ENTITIES)
        regions = tuple(settings.get("regions", DEFAULT_REGIONS))
        deadline = time.monotonic() + BUDGET_SECONDS
        found: list[Finding] = []
        if "EMAIL" in entities:
            for start, end in _neighbourhoods(text, _AT, _AT_REACH):
                _check(deadline)
                found += _matches("EMAIL", text, start, end)
        others = [label for label in entities if label not in {"EMAIL", "PHONE"}]
        for start, end in _neighbourhoods(text, _DIGIT, _DIGIT_REACH):
            for label in others:
                _check(deadline)
                found += _matches(label, text, start, end)
            if "PHONE" in entities:
                found += _phones(text, start, end, regions, deadline)
        return _without_overlaps(found)


def _start_of_run(run: regex.Pattern[str], text: str, end: int) -> int:
    """Return where the run that ends at `end` begins, at most 64 characters before."""
    match = run.search(text, max(end - _DIGIT_REACH, 0), end)
    return match.start() if match else end


def _neighbourhoods(
    text: str, trigger: regex.Pattern[str], reach: int
) -> Iterator[tuple[int, int]]:
    """Yield the stretches of text within `reach` of a trigger, merged where they touch."""
    start, end = -1, -1
    for match in trigger.finditer(text):
        if start >= 0 and match.start() - reach <= end:
            end = match.end() + reach
            continue
        if start >= 0:
            yield from _pieces(start, min(end, len(text)), reach)
        start, end = max(match.start() - reach, 0), match.end() + reach
    if start >= 0:
        yield from _pieces(start, min(end, len(text)), reach)


def _pieces(start: int, end: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Cut a long stretch, so that no pattern takes long; a finding fits into the overlap."""
    while end - start > _LONGEST_PIECE:
        yield start, start + _LONGEST_PIECE
        start += _LONGEST_PIECE - overlap
    yield start, end


def _matches(label: str, text: str, start: int, end: int) -> Iterator[Finding]:
    recogniser = _recogniser(label)
    signs = _NEEDED_SIGNS.get(label)
    if signs is not None and not any(text.find(sign, start, end) >= 0 for sign in signs):
        return
    timeout = PATTERN_TIMEOUT_SECONDS if end - start > TIMELESS_CHARACTERS else None
    for pattern, score in recogniser.patterns:
        # `pos` and `endpos` keep what stands before a match visible to its look-behind.
        for match in pattern.finditer(text, start, end, timeout=timeout):
            for last in recogniser.ends(match):
                first = match.start()
                if first < last and recogniser.accepts(text, first, last, score):
                    yield Finding(first, last, label)
                    break


def _phones(
    text: str, start: int, end: int, regions: tuple[str, ...], deadline: float
) -> Iterator[Finding]:
    from phonenumbers import PhoneNumberMatcher

    for run in _PHONE_LIKE.finditer(text, start, end, timeout=PATTERN_TIMEOUT_SECONDS):
        # The sign before matters too: digits right after a letter are no phone number.
        first = max(run.start() - 1, 0)
        number = text[first : run.end(1)]
        # One international number reads the same everywhere.
        is_international = "+" in number[:4] and sum(sign.isdigit() for sign in number) <= 15
        for region in regions[:1] if is_international else regions:
            _check(deadline)
            for match in PhoneNumberMatcher(number, region):
                yield Finding(first + match.start, first + match.end, "PHONE")


def _without_overlaps(found: list[Finding]) -> list[Finding]:
    """Merge findings that overlap; the entity that stands first in the list names them."""
    merged: list[Finding] = []
    for finding in sorted(set(found)):
        if merged and finding.start < merged[-1].end:
            before = merged[-1]
            label = min(before.label, finding.label, key=ENTITIES.index)
            merged[-1] = Finding(before.start, max(before.end, finding.end), label)
        else:
            merged.append(finding)
    return merged


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("The text is too long or too dense to be searched in time.")


@dataclass(frozen=True, slots=True)
class _Recogniser:
    """What we take from one of presidio's: patterns with scores, checksums, words of context."""

    label: str
    patterns: tuple[tuple[regex.Pattern[str], float], ...]
    source: Any
    context: tuple[str, ...]

    def ends(self, match: regex.Match[str]) -> list[int]:
        """Return where a match may end. Presidio's IBAN pattern reads on into the next words."""
        if self.label != "IBAN":
            return [match.end()]
        return sorted({match.end(group) for group in range(1, match.re.groups + 1)}, reverse=True)

    def accepts(self, text: str, first: int, last: int, score: float) -> bool:
        """Whether checksum, exceptions and context speak for a match."""
        value = text[first:last]
        if self.label == "EMAIL":
            return _is_domain(value.rpartition("@")[2])
        valid = self.source.validate_result(value)
        if valid is False or (valid is None and self.source.invalidate_result(value)):
            return False
        return bool(valid) or score >= MINIMUM_SCORE or self._is_explained(text, first)

    def _is_explained(self, text: str, first: int) -> bool:
        before = text[max(first - CONTEXT_CHARACTERS, 0) : first].lower()
        return any(word in before for word in self.context)


@lru_cache
def _recogniser(label: str) -> _Recogniser:
    module, name = _RECOGNISERS[label]
    source = getattr(import_module(module), name)()
    patterns = tuple(
        (regex.compile(pattern.regex, source.global_regex_flags), pattern.score)
        for pattern in getattr(source, "patterns", ())
    )
    context = tuple(word.lower() for word in source.context or ())
    return _Recogniser(label, patterns, source, context)


def _is_domain(text: str) -> bool:
    """Whether the last label could be a top-level domain; private ones such as .internal count."""
    last = text.rpartition(".")[2]
    return len(last) >= 2 and (last.isalpha() or last.lower().startswith("xn--"))


@lru_cache
def _phone_regions() -> tuple[str, ...]:
    from phonenumbers import SUPPORTED_REGIONS

    return tuple(sorted(SUPPORTED_REGIONS))


def _chosen(value: Any, known: tuple[str, ...], key: str) -> list[str]:
    if not isinstance(value, list | tuple) or not value:
        raise InvalidGuardrail(f"`{key}` is a list with at least one entry.")
    wrong = [entry for entry in value if entry not in known]
    if wrong:
        raise InvalidGuardrail(f"`{key}` does not know {str(wrong[0])[:40]!r}.")
    return [entry for entry in known if entry in set(value)]
