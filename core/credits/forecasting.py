"""How long credits last at the present rate. Pure: no tables, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

# Long enough for two of each weekday, short enough to follow a change.
WINDOW_DAYS = 14
# A forecast is judged after a week.
JUDGED_AFTER = timedelta(days=7)
# So much room above the most that was ever drawn.
_ROOM_PERCENT = 125


@dataclass(frozen=True, slots=True)
class Outlook:
    """What to expect of a book in its cycle, in micro-credits.

    `burn` is what a day uses. `runs_out_on` is None if what is left lasts to the end of the cycle,
    or for a year where the cycle has no end. `used_at_end` is None for a cycle without end.
    """

    burn: int
    left: int
    runs_out_on: date | None
    used_at_end: int | None


@dataclass(frozen=True, slots=True)
class Past:
    """What a forecast said on a day: so much used, and so much more each day."""

    made_on: date
    used: int
    burn: int


def burn_of(days: Sequence[int]) -> int:
    """Return what a day uses: the mean of the last days, those before the first use left out."""
    known = list(days[-WINDOW_DAYS:])
    while known and known[0] == 0:
        known.pop(0)
    return round(sum(known) / len(known)) if known else 0


def outlook(*, today: date, ends_on: date | None, used: int, left: int, burn: int) -> Outlook:
    """Return what to expect if every day from now on uses `burn`."""
    days_left = (ends_on - today).days if ends_on is not None else None
    horizon = days_left if days_left is not None else 365
    lasts = max(left, 0) // burn if burn > 0 else horizon + 1
    runs_out_on = today + timedelta(days=lasts) if lasts < horizon else None
    used_at_end = used + burn * days_left if days_left is not None else None
    return Outlook(burn, left, runs_out_on, used_at_end)


def error_percent(past: Sequence[Past]) -> int | None:
    """Return by how many percent forecasts of a week missed what was used, on average.

    None as long as none of them is a week old. `past` is of one cycle.
    """
    known = {one.made_on: one for one in past}
    errors = []
    for one in past:
        later = known.get(one.made_on + JUDGED_AFTER)
        if later is None:
            continue
        expected, real = one.burn * JUDGED_AFTER.days, later.used - one.used
        if expected or real:
            errors.append(abs(expected - real) * 100 / max(real, expected, 1))
    return round(sum(errors) / len(errors)) if errors else None


def recommended_overflow(*, drawn: Sequence[int], shortage: int) -> int:
    """Return a credit line: room above the most that cycles drew, or what this one will lack.

    Rounded up to two digits, as people would choose it.
    """
    need = max(max(drawn, default=0) * _ROOM_PERCENT // 100, shortage, 0)
    step = int(10 ** max(len(str(need)) - 2, 0))
    return -(-need // step) * step
