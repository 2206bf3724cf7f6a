"""Two states of a thing, value by value."""

from core.audit.differences import Change, changes, items


def test_only_what_differs_is_named() -> None:
    found = changes({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "d": 4})

    assert found == [Change("b", 2, 5), Change("c", 3, None), Change("d", None, 4)]
    assert [change.kind for change in found] == ["changed", "removed", "added"]


def test_nested_values_are_compared_one_by_one() -> None:
    before = {"settings": {"action": "block", "types": {"email": True, "iban": True}}}
    after = {"settings": {"action": "mask", "types": {"email": True, "iban": False}}}

    assert changes(before, after) == [
        Change("settings.action", "block", "mask"),
        Change("settings.types.iban", True, False),
    ]


def test_a_nested_value_that_came_or_went_is_named_by_its_parts() -> None:
    assert changes(None, {"limits": {"rpm": 5}}) == [Change("limits.rpm", None, 5)]
    assert changes({"limits": {"rpm": 5}}, {}) == [Change("limits.rpm", 5, None)]


def test_a_value_that_changes_its_type_is_one_change() -> None:
    assert changes({"a": {"b": 1}}, {"a": "none"}) == [Change("a", {"b": 1}, "none")]


def test_very_deep_values_end_somewhere() -> None:
    deep: dict[str, object] = {"end": 1}
    for _ in range(50):
        deep = {"x": deep}

    [change] = changes(deep, None)

    assert change.name == "x.x.x.x.x.x.x"


def test_lists_of_plain_values_say_what_joined_and_left() -> None:
    found = items(Change("scopes", ["a", "b"], ["b", "c"]))

    assert found is not None
    assert (found.added, found.removed) == (("c",), ("a",))
    assert items(Change("scopes", [["a"]], [["b"]])) is None
    assert items(Change("scopes", None, ["b"])) is None
