"""Finding people by the beginnings of words of their name or e-mail address.

An index answers it, so it stays quick with 100,000 people; see `User.Meta.indexes`.
"""

import re
from typing import Any, TypeVar

from django.db.models import BooleanField, F, Func, Model, QuerySet, TextField
from django.db.models.expressions import RawSQL

_M = TypeVar("_M", bound=Model)
# More words than anybody's name has narrow nothing down.
_MOST_WORDS = 6


def name_words(user: str = "") -> Func:
    """Return the words of a name and an e-mail address, as Postgres' text search keeps them."""
    return Func(
        F(f"{user}name"),
        F(f"{user}email"),
        # In the order of the alphabet, as a migration writes them down; the order counts.
        arg_joiner=" || ' ' || ",
        template=(
            "to_tsvector('simple'::regconfig,"
            " translate(lower(%(expressions)s), '@.-_+/''', '       '))"
        ),
        output_field=TextField(),
    )


def people_matching(rows: QuerySet[_M, Any], term: str, *, user: str = "") -> QuerySet[_M, Any]:
    """Narrow rows down to people in whose name or address each word of `term` begins a word.

    `user` is the way from a row to its user, such as `user__`.
    """
    words = re.findall(r"[^\W_]+", term.lower())[:_MOST_WORDS]
    if not words:
        return rows.none()
    # Words are letters and digits only, so nothing in them is read as an operator.
    query = " & ".join(f"'{word}':*" for word in words)
    return rows.filter(
        Func(
            name_words(user),
            RawSQL("%s::tsquery", [query]),
            template="%(expressions)s",
            arg_joiner=" @@ ",
            output_field=BooleanField(),
        )
    )
