"""Ids made from their cause."""

from uuid import uuid5

import pytest

from services.rules.core.ids import NAMESPACE, decision_id, run_id, share_of


@pytest.mark.parametrize("subject", ["acme", "ä", "", "x" * 300])
def test_a_run_id_is_a_uuid5_of_play_subject_and_cause(subject):
    cause = "deadline\x1f17"
    assert run_id("p", "acme", "user", subject, cause) == str(
        uuid5(NAMESPACE, f"run\x1ep\x1eacme\x1euser\x1e{subject}\x1e{cause}")
    )


def test_everything_in_an_id_counts():
    one = ("p", "acme", "account", "acme", "c")
    others = [tuple("other" if n == place else part for n, part in enumerate(one)) for place in range(5)]
    assert len({run_id(*parts) for parts in [one, *others]}) == 6
    assert decision_id(*one, "cooldown") != decision_id(*one, "never")


def test_a_share_is_even_and_stays():
    shares = [share_of("rollout", "p", f"a{n}", "") for n in range(1000)]
    assert 0.45 < sum(shares) / 1000 < 0.55
    assert share_of("rollout", "p", "a1", "") == shares[1]
