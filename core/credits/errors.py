"""What the world may do to a ledger, as problems."""

from uuid import UUID

from core.credits.messages import ReserveAnswer
from core.credits.models import WalletKind
from core.kit.money import format_credits
from core.kit.problems import (
    ChangedMeanwhile,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    Problem,
)


class InsufficientCredits(Problem):
    """Less is free than was asked. Extensions: asked, available, wallet, wallet_kind."""

    code = "insufficient_credits"
    title = "There are not enough credits"
    status = 402


class CapReached(Problem):
    """A cap on a node or key admits less than was asked. Extensions: asked, available, subject."""

    code = "cap_reached"
    title = "A spending cap is reached"
    status = 402


class IdempotencyMismatch(Problem):
    """The key or request id was used before, for something else."""

    code = "idempotency_mismatch"
    title = "This key was used for something else"
    status = 422


class DuplicateRequest(Conflict):
    """The request id was used before, for the same call. Extension: its state."""

    code = "duplicate_request"
    title = "This call was made already"


class PolicyChanged(Conflict):
    """Somebody changed rights since the caller looked. Look again and repeat."""

    code = "policy_changed"
    title = "The rules have just changed; try again"


class WalletMoved(Conflict):
    """The wallet's node has moved below another since the caller looked."""

    code = "wallet_moved"
    title = "This has just moved to another place"


class SplitChanged(ChangedMeanwhile):
    """Others take part, or they had something else, than the preview has shown."""

    code = "split_changed"
    title = "What is split has just changed"


class AccountSuspended(NotAllowed):
    """The account admits no calls."""

    code = "account_suspended"
    title = "This account is suspended"


class NoSuchBook(NotFound):
    """The account has no book for the product."""

    code = "no_such_book"
    title = "There are no credits for this product"


class InvalidAmount(InvalidInput):
    """A number of credits that cannot move: negative, zero, or out of range."""

    code = "invalid_amount"
    title = "This is not an amount of credits that can move"


class InvalidPlan(InvalidInput):
    """A plan that cannot be. Extension: the fields that are wrong."""

    code = "invalid_plan"
    title = "This cannot be a plan"


class StatementMoved(Conflict):
    """Somebody else has taken the statement further, or it is not as far yet."""

    code = "statement_moved"
    title = "The statement is in another state"


class PinnedTooMuch(InvalidInput):
    """The pinned overrides of a split take more than its total. Extensions: pinned, total."""

    code = "pinned_too_much"
    title = "The pinned amounts come to more than the total"


class NothingToSplit(InvalidInput):
    """Nobody who could get a share is selected."""

    code = "nothing_to_split"
    title = "There is nobody to share it"


class OutsideTheSource(InvalidInput):
    """A selected wallet does not stand below the one whose credits are to be split."""

    code = "outside_the_source"
    title = "The credits cannot go there from here"


class NotInASplit(Conflict):
    """The wallet takes part in no split."""

    code = "not_in_a_split"
    title = "There is no equal share to come back to"


class CycleEnded(Conflict):
    """What was looked at belongs to a cycle that has ended. Nothing moves in it any more."""

    code = "cycle_ended"
    title = "This cycle has ended"


class AlreadyUndone(Conflict):
    """The act was taken back before."""

    code = "already_undone"
    title = "This was undone already"


class CallUnsettled(Conflict):
    """A call was charged an estimate; what it did cost is still to come."""

    code = "call_unsettled"
    title = "This call is not settled yet"


class RefundTooLarge(Conflict):
    """Less of what a call was charged is left than should come back. Extension: left."""

    code = "refund_too_large"
    title = "That is more than the call was charged"


class CannotUndo(Conflict):
    """An act that cannot be taken back. Extension, where credits are lacking: undoable."""

    code = "cannot_undo"
    title = "This cannot be undone"


def not_enough_in(wallet: UUID, *, kind: str, free: int, asked: int) -> InsufficientCredits:
    """Return the problem of moving `asked` out of a wallet that has less to give."""
    available = max(free, 0)
    name = WalletKind(kind).label
    return InsufficientCredits(
        f"{name} has {format_credits(available)} credits free; this takes {format_credits(asked)}.",
        asked=format_credits(asked),
        available=format_credits(available),
        wallet=str(wallet),
        wallet_kind=kind,
    )


def problem_of(answer: ReserveAnswer) -> Problem | None:
    """Return why a reservation was refused as a problem, or None where it was not.

    Amounts in extensions are decimal strings in credits.
    """
    asked, available = format_credits(answer.asked), format_credits(answer.free)
    problem: Problem
    match answer.outcome:
        case "reserved":
            return None
        case "insufficient":
            problem = InsufficientCredits(
                f"This call may cost {asked} credits; {available} are free.",
                asked=asked,
                available=available,
                wallet=str(answer.wallet_id),
                wallet_kind=answer.wallet_kind,
            )
        case "capped":
            problem = CapReached(
                f"This call may cost {asked} credits; the cap leaves {available}.",
                asked=asked,
                available=available,
                subject=str(answer.cap_subject),
            )
        case "suspended":
            problem = AccountSuspended()
        case "stale":
            problem = PolicyChanged(policy_version=answer.policy_version)
        case "duplicate":
            problem = DuplicateRequest(state=answer.state)
        case _:  # mismatch
            problem = IdempotencyMismatch()
    return problem
