"""True while the account's (or user's) traits match. With `hold` it is "stuck in a stage".

    when:
      trait: {account.stage: onboarding}

A missing trait, or one of another type, is unknown.
"""

from typing import Any, ClassVar

from pydantic import ConfigDict, RootModel

from services.rules.core.condition import Combine, Leaf, Metrics, Setting, Verdict, View, single
from services.rules.core.explaining.clauses import Said, parts_of_matchers
from shared.instants import Instant
from shared.matchers import AccountMatchers, compile_matchers
from shared.records import JsonObject


class Trait(RootModel[AccountMatchers]):
    """Matchers over `account.` and `user.` paths."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    impulse: ClassVar[bool] = False

    def grow(self, setting: Setting, leaves: list[Leaf]) -> Combine:
        """One leaf."""
        return single(TraitLeaf(self, setting), leaves)


class TraitLeaf(Leaf):
    """Remembers nothing: traits are the account's."""

    def __init__(self, form: Trait, setting: Setting) -> None:
        self._matchers = compile_matchers(form.root, setting.timezone)
        self.paths = self._matchers.paths

    def verdict(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Verdict:
        """What the matchers say; a missing field or a wrong type is unknown."""
        return self._matchers.verdict(view.context, now)

    def next_change(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Instant | None:
        """`older_than` and `within` make deadlines."""
        return self._matchers.next_change(view.context, now)

    def evidence(self, metrics: Metrics, own: Any, view: View, now: Instant) -> JsonObject:
        """The value found at each path, by its last word."""
        return {clause.path.rsplit(".", 1)[-1]: clause.found for clause in self._matchers.explain(view.context, now)}

    def says(self, metrics: Metrics, own: Any, view: View, now: Instant) -> Said:
        """Clause by clause."""
        return Said("the traits match", clauses=parts_of_matchers(self._matchers.tell(view.context, now)))
