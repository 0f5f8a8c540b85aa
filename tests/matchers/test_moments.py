"""A day begins at the first instant of its date, also where the clock jumps over midnight."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from shared.instants import parse_instant
from shared.matchers import first_instant


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        ("2026-03-29", "UTC", "2026-03-29T00:00:00Z"),
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z"),
        ("2026-03-30", "Europe/Berlin", "2026-03-29T22:00:00Z"),
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z"),  # the day begins at 01:00
        ("2025-11-02", "America/Havana", "2025-11-02T04:00:00Z"),  # midnight comes twice: the first
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00Z"),  # the day was left out
        ("1919-03-31", "America/Toronto", "1919-03-31T04:30:00Z"),  # from 23:30 to 00:30
    ],
)
def test_first_instants(day: str, zone: str, begins: str) -> None:
    assert first_instant(date.fromisoformat(day), ZoneInfo(zone)) == parse_instant(begins)
