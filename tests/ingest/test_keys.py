import re
import stat

import pytest

from shared.keys import SCOPES, KeyInvalid, given_key, hash_key, make_key, read_secret, well_formed
from tests.conftest import SettingsFor

SECRET = b"one deployment's secret"


def chance(size: int) -> bytes:
    return bytes(range(1, size + 1))


def test_a_key_names_its_kind_and_is_as_random_as_it_was_given_chance() -> None:
    text, key = make_key("write", now=7, chance=chance)
    assert re.fullmatch(r"sp_write_[0-9A-Za-z]{33}", text)
    assert make_key("write", now=7, chance=chance) == (text, key)
    assert make_key("write", now=7)[0] != make_key("write", now=7)[0]
    assert text.startswith(key.prefix)
    assert len(key.prefix) == len("sp_write_") + 4


@pytest.mark.parametrize("kind", ["write", "read", "apply", "admin"])
def test_a_mistyped_key_is_told_by_its_checksum(kind: str) -> None:
    text, _ = make_key(kind, now=0, chance=chance)
    assert well_formed(text)
    assert not well_formed(text[:-1])
    assert not well_formed(text.replace("sp_", "SP_"))
    assert not any(
        well_formed(text[:at] + other + text[at + 1 :]) for at in range(len(text)) for other in "Zq" if text[at] != other
    )


@pytest.mark.parametrize(
    ("kind", "may"),
    [
        ("write", {"write"}),
        ("read", {"read"}),
        ("apply", {"apply", "read"}),
        ("run", {"run"}),
        ("admin", {"admin", "apply", "read", "run", "write"}),
    ],
)
def test_a_kind_may_what_it_is_for(kind: str, may: set[str]) -> None:
    _, key = make_key(kind, now=0)
    assert {scope for scope in SCOPES if key.may(scope)} == may


def test_a_key_may_be_limited_to_names_and_beginnings() -> None:
    _, key = make_key("write", now=0, events=["ticket.*", "nps.answered"])
    sent = ["ticket.created", "ticket.solved", "nps.answered", "nps.changed", "tickets.created", "ticket"]
    assert [name for name in sent if key.may_send(name)] == ["ticket.created", "ticket.solved", "nps.answered"]
    assert make_key("write", now=0)[1].may_send("anything")
    assert make_key("write", now=0, events=["*"])[1].may_send("anything")
    assert not make_key("write", now=0, events=[])[1].may_send("anything")


@pytest.mark.parametrize(
    ("kind", "source", "events"),
    [
        ("wirte", "api", None),
        ("write", "", None),
        ("write", "a" * 101, None),
        ("write", "api", ["Ticket.*"]),
        ("write", "api", ["*.x"]),
    ],
)
def test_what_no_key_can_be_is_said(kind: str, source: str, events: list[str] | None) -> None:
    with pytest.raises(KeyInvalid):
        make_key(kind, now=0, source=source, events=events)


def test_a_hash_takes_the_secret_to_compute() -> None:
    text, _ = make_key("write", now=0)
    assert len(hash_key(text, SECRET)) == 32
    assert hash_key(text, SECRET) == hash_key(text, SECRET)
    assert hash_key(text, SECRET) != hash_key(text, b"another secret")
    assert hash_key("\udc80 no text", SECRET) != hash_key("", SECRET)


def test_a_given_key_is_any_text() -> None:
    key = given_key("write")
    assert (key.source, key.may("write"), key.may("admin")) == ("api", True, False)


def test_the_secret_is_made_once_and_only_its_owner_reads_it(settings_for: SettingsFor) -> None:
    settings = settings_for()
    secret = read_secret(settings)
    assert len(secret) == 64
    assert read_secret(settings) == secret
    assert stat.S_IMODE((settings.data / "secret").stat().st_mode) == 0o600
    assert [file.name for file in settings.data.iterdir()] == ["secret"]


def test_the_secret_of_the_environment_counts_before_the_file(settings_for: SettingsFor) -> None:
    read_secret(settings_for())
    assert read_secret(settings_for(secret="sixteen or longer")) == b"sixteen or longer"


def test_a_key_may_tell_all_some_or_no_traits() -> None:
    everything, some, nothing = (make_key("write", now=0, traits=traits)[1] for traits in (None, ["plan"], []))
    assert [key.may_tell("plan") for key in (everything, some, nothing)] == [True, True, False]
    assert [key.may_tell("mrr") for key in (everything, some, nothing)] == [True, False, False]
    assert [key.may_tell_identity for key in (everything, some, nothing)] == [True, True, False]


def test_a_browsers_key_tells_no_traits_and_knows_its_pages() -> None:
    pages = ["https://app.acme.example", "http://localhost:3000"]
    _, key = make_key("write", now=0, origins=pages)
    assert (key.origins, key.traits) == (tuple(pages), ())
    assert make_key("write", now=0)[1].origins == ()


@pytest.mark.parametrize(
    "origin",
    ["https://app.acme.example/", "app.acme.example", "https://App.acme.example", "http://app.acme.example", "*", "null"],
)
def test_what_no_browser_sends_is_no_origin(origin: str) -> None:
    with pytest.raises(KeyInvalid, match="no origin"):
        make_key("write", now=0, origins=[origin])


def test_a_key_for_all_to_read_only_sends_events() -> None:
    with pytest.raises(KeyInvalid, match="only send events"):
        make_key("read", now=0, origins=["https://app.acme.example"])
    with pytest.raises(KeyInvalid, match="no traits"):
        make_key("write", now=0, traits=["plan"], origins=["https://app.acme.example"])
