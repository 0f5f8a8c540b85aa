import time

import pytest

from services.actions.templates import MAX_OUTPUT, MAX_SECONDS, TemplateFailed, render, unknown_paths

CONTEXT = {
    "account": {
        "id": "acme",
        "name": "Acme <script>alert(1)</script> {{ account.id }}",
        "champion": None,
        "tags": ["a", "b"],
        "n": 7,
    },
    "evidence": {"drop": 0.412, "baseline": 25.0, "renewal": "2026-03-01T23:30:00Z", "last_seen": 1772409600000000},
    "run": {"id": "r"},
}


def failure(template: str) -> str:
    with pytest.raises(TemplateFailed) as caught:
        render(template, CONTEXT)
    return str(caught.value)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ evidence.drop | percent }} {{ evidence.drop | percent: 1 }}", "41% 41.2%"),
        ("{{ evidence.baseline | round }} {{ evidence.drop | round: 2 }}", "25 0.41"),
        ("{{ evidence.renewal | date }}", "2026-03-01"),
        ("{{ evidence.renewal | date: '%d %B %Y', 'Europe/Berlin' }}", "02 March 2026"),
        ("{{ evidence.last_seen | date: '%H:%M' }}", "00:00"),
        ("{{ account.champion | default: 'nobody' }} {{ account.nope | default: 'nothing' }}", "nobody nothing"),
        ("{% if account.champion %}a{% elsif account.nope %}b{% else %}c{% endif %}", "c"),
        ("{% if account.nope == 'x' or account.nope > 3 %}a{% else %}b{% endif %}", "b"),
        ("{% for tag in account.tags %}{{ tag }}{% unless forloop.last %}, {% endunless %}{% endfor %}", "a, b"),
        ("{{ account.tags | join: '-' | upcase }}", "A-B"),
    ],
)
def test_templates(template: str, text: str) -> None:
    assert render(template, CONTEXT) == text


def test_data_is_never_read_as_a_template() -> None:
    assert render("{{ account.name }}", CONTEXT) == CONTEXT["account"]["name"]  # type: ignore[index]


def test_html_escapes_values_and_not_the_authors_own_words() -> None:
    assert render("<b>{{ account.name }}</b>", CONTEXT, html=True).startswith("<b>Acme &lt;script&gt;")
    assert "unknown filter" in failure("{{ account.name | safe }}")


@pytest.mark.parametrize(
    "use",
    [
        "{{ account.nope }}",
        "{{ account.nope.deeper }}",
        "{{ account.nope | upcase }}",
        "{{ account.nope | plus: 1 }}",
        "{{ 1 | plus: account.nope }}",
        "{{ account.nope | size }}",
        "{{ account.nope | percent }}",
        "{{ account.nope | date }}",
        "{{ account.tags | join: account.nope }}",
        "{% for x in account.nope %}x{% endfor %}",
        "{% assign x = account.nope %}{{ x }}",
    ],
)
def test_a_path_that_is_not_there_is_an_error_that_names_it(use: str) -> None:
    assert failure(use).startswith("account.nope is undefined")


def test_what_is_empty_is_never_a_blank() -> None:
    assert failure("{{ account.champion }}") == "account.champion is empty"
    assert "empty" in failure("{{ account.champion | upcase }}")
    assert "empty" in failure("{{ account.tags | map: 'x' }}")


def test_a_whole_mapping_is_no_text() -> None:
    assert failure("{{ account }}") == "account is not a text: name a field of it"


@pytest.mark.parametrize(
    "template",
    [
        "{{ now }}",
        "{{ today }}",
        "{% include 'x' %}",
        "{% render 'x' %}",
        "{{ account.name.__class__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ 'A' | rjust: 50000000 }}",
        "{% for i in (1..1000000000) %}x{% endfor %}",
        "{% for i in (1..1000) %}{% for j in (1..1000) %}{% endfor %}{% endfor %}",
        "{{ (1..1000000000) | join }}",
        "{{ (1..1000000000) | size }}",
        "{% assign x = 'aaaaaaaaaa' %}" + "{% assign x = x | append: x %}" * 40,
        "{% assign x = 99999 %}" + "{% assign x = x | times: x %}" * 40,
        "{% assign x = 'aaaaaaaaaa' %}" + "{% assign x = x | append: x %}" * 11 + "{{ x | replace: 'a', x }}",
        "{% capture x %}{% for i in (1..9999) %}xxxxxxxxxx{% endfor %}{% endcapture %}",
        "{% for i in (1..9999) %}{% if 1 == 2 %}{% endif %}{% endfor %}" * 200,
        "{{ 1 | divided_by: 0 }}",
        "{{ account.name | date }}",
        "{{ 'a' ",
        "{% if %}",
    ],
)
def test_what_is_bad_or_costly_ends_soon_with_a_reason(template: str) -> None:
    began = time.monotonic()
    assert failure(template)
    assert time.monotonic() - began < 10 * MAX_SECONDS


def test_the_output_ends_at_64_kb() -> None:
    context = {"account": {"name": "x" * (MAX_OUTPUT - 1)}}
    assert len(render("{{ account.name }}y", context)) == MAX_OUTPUT
    with pytest.raises(TemplateFailed, match="limit"):
        render("{{ account.name }}yy", context)


def test_unknown_paths() -> None:
    template = "{{ acount.name }} {{ run.id }} {{ run.nope }} {{ account.anything }} {% for x in account.l %}{{ x }}{% endfor %}"
    assert unknown_paths(template) == ["acount.name", "run.nope"]
    assert unknown_paths("{% assign y = 1 %}{{ y }}") == []


def test_unknown_filters_are_found_before_anything_is_rendered() -> None:
    with pytest.raises(TemplateFailed, match="'shout'"):
        unknown_paths("{{ account.name | shout }}")
