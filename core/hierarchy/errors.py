"""What can go wrong with organizations, teams and members."""

from core.kit.problems import Conflict


class NameTaken(Conflict):
    """A sibling that is not archived has the name."""

    code = "name_taken"
    title = "This name is already in use"


class GlobalIsFixed(Conflict):
    """`global` holds everyone; it is neither renamed nor archived."""

    code = "global_is_fixed"
    title = "The global organization cannot be changed"


class StillInUse(Conflict):
    """The node has children that are not archived."""

    code = "still_in_use"
    title = "There is still something in it"


class AlreadyThere(Conflict):
    """The member is in this place already."""

    code = "already_there"
    title = "The member is already there"


class MovedMeanwhile(Conflict):
    """Somebody else moved the node between looking and acting."""

    code = "moved_meanwhile"
    title = "This has just moved to another place"


class IsArchived(Conflict):
    """An archived node takes part in nothing."""

    code = "is_archived"
    title = "This is archived"


class Deactivated(Conflict):
    """The person's login is deactivated in the whole account."""

    code = "deactivated"
    title = "This login is deactivated"
