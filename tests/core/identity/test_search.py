"""Finding people by the beginnings of words."""

import pytest
from django.db import connection

from core.identity.models import User
from core.identity.search import people_matching
from core.tenancy.context import in_account
from tenants.models import Account
from tests.factories.identity import UserFactory

NINA = {"name": "Nina O'Neil-Marsh", "email": "n.oneil@acme.example"}


@pytest.mark.parametrize(
    "term", ["nina", "NI", "neil", "mar", "o'neil", "nina marsh", "n.oneil@acme", "acme.exa"]
)
def test_each_word_begins_a_word_of_name_or_address(any_database: None, term: str) -> None:
    nina = UserFactory(**NINA)

    assert nina in people_matching(User.objects.all(), term)


@pytest.mark.parametrize("term", ["ina", "nina marshall", "", "&", "':*"])
def test_what_begins_no_word_is_not_found(any_database: None, term: str) -> None:
    nina = UserFactory(**NINA)

    assert nina not in people_matching(User.objects.all(), term)


def test_the_index_can_answer_it(acme: Account) -> None:
    with in_account(acme), connection.cursor() as cursor:
        # So few people are read in one go; the question is whether the index fits.
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = people_matching(User.objects.order_by(), "nina").explain()

    assert "Bitmap Index Scan" in plan
