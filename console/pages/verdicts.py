"""What a verdict on a deployment means, and what to do about it."""

from django.utils.translation import gettext_lazy as _

from console.models import CheckOutcome

WHAT_TO_DO = {
    CheckOutcome.OK: "",
    CheckOutcome.CREDENTIAL: _(
        "The vendor does not accept this credential. Check that it belongs to this vendor and "
        "has not expired, and store another below."
    ),
    CheckOutcome.UNKNOWN_MODEL: _(
        "The vendor has no such model, or this credential may not use it. Compare the model with "
        "the vendor's list, and an address that you typed in with its help."
    ),
    CheckOutcome.UNPAID: _(
        "Address and credential are right, and your balance or quota at the vendor is used up. "
        "Top it up there."
    ),
    CheckOutcome.ADDRESS: _(
        "Your account may not call this address. Use https and a public host, or ask a super "
        "admin to allow this one."
    ),
    CheckOutcome.UNREACHABLE: _(
        "Nothing answers at this address. Check host, port and firewall, and for https the "
        "certificate."
    ),
    CheckOutcome.TIMEOUT: _(
        "The vendor took the call and did not answer in time. A model that has to be loaded first "
        "may do so at the second try."
    ),
    CheckOutcome.LIMITED: _(
        "Address and credential are right, and the vendor admits no more calls at the moment. Try "
        "again later, or have the limit raised there."
    ),
    CheckOutcome.REJECTED: _(
        "Address and credential are right, and the vendor does not take the test message. Its "
        "words are below."
    ),
    CheckOutcome.FAILED: _("The vendor answered with an error of its own. Its words are below."),
    CheckOutcome.GATEWAY: _("Nothing is known about the deployment. Test it again."),
}


def what_to_do(outcome: str) -> str:
    """Return what to do about the outcome of a test call; "" where nothing is wrong."""
    return str(WHAT_TO_DO[CheckOutcome(outcome)]) if outcome else ""
