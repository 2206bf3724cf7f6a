"""What may go wrong in access."""

from core.kit.problems import InvalidInput, NotAllowed


class UnknownFeature(InvalidInput):
    """The product has no feature of this key."""

    code = "feature_unknown"
    title = "There is no such feature"


class FeatureOff(NotAllowed):
    """The feature is off for whoever asks."""

    code = "feature_off"
    title = "This feature is off for you"


class NotGranted(NotAllowed):
    """A thing exists, but is not granted to whoever asks."""

    code = "not_granted"
    title = "This is not granted to you"


class UnknownResource(InvalidInput):
    """There is no such thing that could be granted."""

    code = "resource_unknown"
    title = "There is no such thing to grant"
