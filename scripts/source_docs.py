"""Write docs/sources.md from the code: what each source says of itself, what becomes what, and the words that all share.

.venv/bin/python -m scripts.source_docs
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from services.ingest.sources.contract import Mapped, Source, sources
from services.ingest.words.vocabulary import EVENTS, TRAITS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "sources.md"

_BEGINNING = """
# Sources

<!-- Written from the code by `python -m scripts.source_docs`; a test holds that it is up to date. -->

Help desks, CRMs, survey tools and billing systems post their webhooks to `https://YOUR-HOST/v1/sources/NAME`, where NAME is
the entry's in `sources` of `successplays.yaml`, and the kind of source if the entry has no `kind`. What comes in is verified over
the raw body, brought into the words of the [last section](#words), and stored before it is answered; what a vendor sends beyond
those words is kept whole under the kind's name (`properties.zendesk.custom_fields`).

A request that is not proven is answered with 401, whatever is wrong with it. Events that are in no row below come in as well,
under the vendor's own name in our spelling. Every entry may say:
"""

_SETTINGS = {
    "`kind`": "the kind of source, where the entry has another name: two help desks of one vendor",
    "`secret`": "what the vendor signs with: `env:NAME` or `file:PATH`, or a list of several while one is being replaced",
    "`token`": "what the URL ends with, `https://YOUR-HOST/v1/sources/NAME/TOKEN`, or the password of Basic authentication. "
    "For vendors that sign nothing; beside a `secret` both must be right. Make one with `openssl rand -hex 24`",
    "`account`": "where in the vendor's object our account's id is: `form_response.hidden.account_id`. Else the event is about "
    "aliases (`zendesk:org:99`, `email:jo@acme.example`), and belongs to the account that the first known of them means",
    "`user`": "where our user's id is: `form_response.hidden.user_id`. It is asked for the account before the aliases are",
    "`api`": "for vendors whose webhooks only name a thing: how it is asked for. "
    "See [Vendors that tell little](ingest.md#vendors-that-tell-little)",
}


def page() -> str:
    """The whole of docs/sources.md."""
    kinds = sorted(sources().values(), key=lambda source: source.kind)
    sections = (line for kind in kinds for line in _section(kind))
    return "\n".join([*_beginning(), *_contents(kinds), *sections, *_words(), ""])


def _beginning() -> Iterator[str]:
    yield from (_BEGINNING.strip(), "")
    yield from _table(("setting", "meaning"), _SETTINGS.items())
    yield from ("", "## Kinds", "")


def _contents(kinds: Iterable[Source]) -> Iterator[str]:
    rows = ((f"[{source.kind}](#{source.kind})", _proof(source), _becomes(source)) for source in kinds)
    yield from _table(("kind", "proven by", "becomes"), rows)


def _proof(source: Source) -> str:
    return "a token" if source.verified is None else "its signature, or a token"


def _becomes(source: Source) -> str:
    return ", ".join(dict.fromkeys(_name(row.event) for row in source.mapped))


def _section(source: Source) -> Iterator[str]:
    yield from ("", f"## {source.kind}", "", source.described.strip(), "")
    rows = _by_paths(source.mapped)
    heads = ("of the vendor's → ours", "with the properties", "and the traits")
    used = [index for index in range(len(heads)) if not index or any(row[index] for row in rows)]
    yield from _table([heads[index] for index in used], ([row[index] for index in used] for row in rows))


def _by_paths(mapped: Iterable[Mapped]) -> list[tuple[str, str, str]]:
    """What comes with the same words from the same places, together."""
    lines: dict[tuple[str, str], list[str]] = {}
    for row in mapped:
        found = lines.setdefault((_paths(row.properties), _paths(row.traits)), [])
        found.append(f"{_name(row.vendor)} → {_name(row.event)}")
    return [("<br>".join(found), *paths) for paths, found in lines.items()]


def _words() -> Iterator[str]:
    yield from ("", "## Words", "", "What an event may say in the same words, whoever sends it:")
    for names, words in _by_words():
        yield from ("", "### " + ", ".join(names), "")
        yield from _table(("property", "meaning"), words.items())
    yield from ("", "### Traits of an account", "")
    yield from _table(("trait", "meaning"), TRAITS.items())


def _by_words() -> list[tuple[list[str], Mapping[str, str]]]:
    """The events that share their words, together."""
    together: list[tuple[list[str], Mapping[str, str]]] = []
    for name, words in EVENTS.items():
        if together and together[-1][1] is words:
            together[-1][0].append(name)
        elif words:
            together.append(([name], words))
    return together


def _name(text: str) -> str:
    """A name is set as code; a sentence that stands for one is not."""
    return f"`{text}`" if re.fullmatch(r"[\w.:-]+", text) and re.search(r"[.:_-]", text) else text


def _paths(words: Mapping[str, str]) -> str:
    return "<br>".join(f"{word}: {_path(path)}" for word, path in words.items())


def _path(text: str) -> str:
    """A path, or several that are tried in turn, set as code; a sentence that stands for one is not."""
    paths = text.split(" | ")
    return ", else ".join(f"`{path}`" for path in paths) if all(re.fullmatch(r"\S+", path) for path in paths) else text


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(heads)
    yield _row(heads)
    yield "|" + "---|" * len(heads)
    yield from map(_row, rows)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page())
