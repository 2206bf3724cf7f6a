"""What can go wrong with imports and acts on many people."""

from core.kit.problems import Conflict, InvalidInput


class UnreadableFile(InvalidInput):
    """The file is no table of people: too large, of no known encoding, or empty."""

    code = "unreadable_file"
    title = "This file cannot be read"


class NotInThisState(Conflict):
    """The job is past this step, or not yet there."""

    code = "not_in_this_state"
    title = "This is not possible at the moment"
