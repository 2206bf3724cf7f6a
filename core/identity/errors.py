"""What can go wrong with people."""

from core.kit.problems import Conflict, InvalidInput


class EmailTaken(Conflict):
    """Somebody in this account already has the e-mail address."""

    code = "email_taken"
    title = "This e-mail address is already in use"


class InvitationInvalid(InvalidInput):
    """The link is of no use; the extension `reason` is unknown, used, withdrawn or expired."""

    code = "invitation_invalid"
    title = "This invitation is no longer valid"
    status = 410


class InvitationClosed(Conflict):
    """The invitation was accepted or withdrawn, or the person can sign in without one."""

    code = "invitation_closed"
    title = "This invitation is closed"


class LastAdmin(Conflict):
    """An account always keeps one account admin."""

    code = "last_account_admin"
    title = "This is the last account admin"
