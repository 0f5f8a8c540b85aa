from services.rules.backtest.lines import run_line
from services.rules.backtest.replay import PastRun
from shared.records import RunOpened
from tests.backtest.story import at

OPENED = RunOpened(
    run_id="r", play="p", version=1, account_id="a", subject="u", user_id="u", opened_at=at(0), evidence={"count": 3}, per="user"
)


def test_a_line_has_its_fields_in_their_order_and_instants_in_iso_8601():
    assert run_line(PastRun(OPENED, at(1, microseconds=5)), [{"step": "0"}]) == (
        b'{"run_id":"r","play":"p","version":1,"subject":"u","account_id":"a","user_id":"u","opened_at":"2026-01-05T00:00:00Z",'
        b'"resolved_at":"2026-01-06T00:00:00.000005Z","arm":"run","evidence":{"count":3},"steps":[{"step":"0"}]}'
    )


def test_a_run_still_open_has_no_end():
    assert b'"resolved_at":null,' in run_line(PastRun(OPENED), [])
