"""People that a test does not care about."""

from typing import Any

import factory

from core.identity import services
from core.identity.models import User
from tests.cast import PASSWORD, TESTS


class UserFactory(factory.Factory):  # type: ignore[misc]
    """A login in the current schema, made by the service."""

    class Meta:
        model = User

    email = factory.Sequence(lambda number: f"person-{number}@people.example")
    name = factory.Sequence(lambda number: f"Person {number}")
    password = PASSWORD
    actor = TESTS

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        return services.create_user(**kwargs)
