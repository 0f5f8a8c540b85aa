"""Segments are written into audiences; the audience keeps its places."""

from typing import Any

from shared.workspace.segments import with_segments

STRATEGIC = {"account.mrr": {"at_least": 5000}}
EUROPE = {"account.region": "eu"}
SEGMENTS: dict[str, Any] = {"strategic": STRATEGIC, "europe": EUROPE, "broken": None}


def written(audience: Any) -> Any:
    document, unknown = with_segments(audience, SEGMENTS, ("audience",))
    assert unknown == []
    return document


def test_one_segment_or_several_join_what_must_all_match() -> None:
    assert written({"segment": "strategic"}) == {"all": [STRATEGIC]}
    assert written({"account.plan": "pro", "segment": ["strategic", "europe"]}) == {
        "account.plan": "pro",
        "all": [STRATEGIC, EUROPE],
    }


def test_an_all_that_is_there_keeps_its_places() -> None:
    own = {"account.plan": "pro"}
    assert written({"segment": "europe", "all": [own]}) == {"all": [own, EUROPE]}


def test_segments_may_stand_inside_combinations() -> None:
    assert written({"any": [{"segment": "strategic"}, {"not": {"segment": "europe"}}]}) == {
        "any": [{"all": [STRATEGIC]}, {"not": {"all": [EUROPE]}}]
    }


def test_the_audience_as_written_is_not_changed() -> None:
    audience = {"segment": "europe", "all": [{"account.plan": "pro"}]}
    written(audience)
    assert audience == {"segment": "europe", "all": [{"account.plan": "pro"}]}


def test_unknown_names_are_returned_with_their_places() -> None:
    audience = {"segment": ["strategic", "stratgic"], "any": [{"segment": 5}]}
    assert with_segments(audience, SEGMENTS, ("audience",))[1] == [
        (("audience", "any", 0, "segment"), 5),
        (("audience", "segment", 1), "stratgic"),
    ]


def test_a_segment_that_is_wrong_itself_is_not_unknown() -> None:
    assert written({"segment": "broken"}) == {"all": [{"account.id": {"exists": True}}]}


def test_what_is_no_mapping_is_left_to_the_model() -> None:
    assert written("pro") == "pro"
    assert written({"all": "pro", "segment": "europe"}) == {"all": "pro"}
