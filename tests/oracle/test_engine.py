"""The engine against an independent reading of the semantics, on plays and logs that are all edge cases.

The examples are the same in every run; see conftest.py for others.
"""

from hypothesis import given
from hypothesis import strategies as st

from services.rules.core.effects import Effects
from services.rules.core.engine import Engine
from services.rules.core.state import Account, decode_document, encode_document
from shared.instants import DAY
from tests.oracle.compared import by_engine, by_oracle
from tests.oracle.conftest import examples
from tests.oracle.generated import stories
from tests.rules.timeline import START, replay


@examples(400)
@given(stories())
def test_every_run_decision_and_number_is_as_the_definitions_have_it(story):
    applied, log, until = story
    assert by_engine(replay(applied, log, (until - START) / DAY), applied) == by_oracle(applied, log, until)


@examples(100)
@given(stories(), st.randoms(use_true_random=False))
def test_neither_when_deadlines_are_taken_nor_what_is_written_between_changes_anything(story, chance):
    applied, log, until = story
    in_order = replay(applied, log, (until - START) / DAY)
    assert by_engine(at_leisure(applied, log, until, chance), applied) == by_engine(in_order, applied)


def at_leisure(applied, log, until, chance):
    """The same log, account after account; deadlines in pieces and now and then only at the event; documents written at times."""
    engine, effects = Engine(applied), Effects()
    for account_id in sorted({one.account_id for one in log}, reverse=True):
        own = [one for one in log if one.account_id == account_id]
        account, time = Account(account_id, own[0].received_at, {}), own[0].received_at
        for one in own:
            for _ in range(chance.randint(0, 2)):
                time = chance.randint(time, one.received_at)
                engine.pass_time(account, time, effects)
            engine.take(account, one, effects)
            time = one.received_at
            if chance.random() < 0.3:
                account.subjects = {key: decode_document(encode_document(one)) for key, one in account.subjects.items()}
        engine.pass_time(account, chance.randint(time, until), effects)
        engine.pass_time(account, until + 1, effects)
    return effects
