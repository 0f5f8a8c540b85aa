"""What an import of accounts changes: each row compared with what is known; rows that change nothing are not sent."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from services.cli.api import Api
from services.cli.import_rows import Row
from shared.records import JsonObject

AT_ONCE = 500
# More than these few are only counted.
EXAMPLES = 20


@dataclass
class Changes:
    """What is new, what is different, and what is as it was."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    # By trait: in how many accounts that exist it is another.
    traits: Counter[str] = field(default_factory=Counter)
    aliases: int = 0
    # Of these, aliases that meant another account until now.
    moved: int = 0
    examples: list[str] = field(default_factory=list)

    def as_json(self) -> JsonObject:
        """For programs."""
        counts = {name: getattr(self, name) for name in ("new", "changed", "unchanged", "aliases", "moved")}
        return {**counts, "traits": dict(sorted(self.traits.items()))}

    def words(self) -> str:
        """For people: `2 new accounts, 3 changed (mrr 1, plan 2), 4 aliases (1 moved), 10 unchanged`."""
        traits = ", ".join(f"{name} {count}" for name, count in sorted(self.traits.items()))
        changed = f"{self.changed} changed" + (f" ({traits})" if traits else "")
        aliases = f"{self.aliases} aliases" + (f" ({self.moved} moved)" if self.moved else "")
        return f"{self.new} new accounts, {changed}, {aliases}, {self.unchanged} unchanged"


def only_changes(rows: Iterable[Row], api: Api, changes: Changes) -> Iterator[Row]:
    """The rows that change something, and those that are wrong. Raises WrongUsage, Unreachable."""
    following = iter(rows)
    while batch := list(islice(following, AT_ONCE)):
        yield from _of_batch(batch, api, changes)


def _of_batch(batch: list[Row], api: Api, changes: Changes) -> Iterator[Row]:
    items = [row.item for row in batch if row.item is not None]
    traits: dict[str, JsonObject] = {}
    meant: dict[str, str] = {}
    aliases = [alias for item in items for alias in item.get("aliases", ())]
    ids = [item["account_id"] for item in items]
    # As many aliases are looked up at once as accounts.
    for start in range(0, max(len(ids), len(aliases)), AT_ONCE):
        asked = {"account_ids": ids[start : start + AT_ONCE], "aliases": aliases[start : start + AT_ONCE]}
        known = api.post("/api/v1/accounts/known", asked)
        traits |= known["accounts"]
        meant |= known["aliases"]
    for row in batch:
        if row.item is None or _note(row.item, traits.get(row.item["account_id"]), meant, changes):
            yield row


def _note(item: JsonObject, known: JsonObject | None, meant: dict[str, str], changes: Changes) -> bool:
    """Whether the row changes anything."""
    account_id: str = item["account_id"]
    different = {name: value for name, value in item["traits"].items() if known is not None and not _same(known.get(name), value)}
    aliases = [alias for alias in item.get("aliases", ()) if meant.get(alias) != account_id]
    moved = [alias for alias in aliases if alias in meant]
    if known is not None and not different and not aliases:
        changes.unchanged += 1
        return False
    changes.new += known is None
    changes.changed += bool(different)
    changes.traits.update(different.keys())
    changes.aliases += len(aliases)
    changes.moved += len(moved)
    if len(changes.examples) < EXAMPLES:
        changes.examples.append(f"{account_id}: {', '.join(_said(known, different, aliases, meant))}")
    return True


def _said(known: JsonObject | None, different: JsonObject, aliases: list[str], meant: dict[str, str]) -> Iterator[str]:
    if known is None:
        yield "new"
    else:
        yield from (f"{name} {_shown(known.get(name))} -> {_shown(value)}" for name, value in different.items())
    yield from (f"{alias} (was {meant[alias]}'s)" if alias in meant else f"+ {alias}" for alias in aliases)


def _same(known: Any, value: Any) -> bool:
    # 1 and true are two things, 1 and 1.0 are one.
    return bool(known == value) and isinstance(known, bool) == isinstance(value, bool)


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)
