"""Liquid templates, limited: what a play's author writes around the numbers of a run.

A template sees `account user owner event evidence run play` and nothing else: no clock, no files, no other templates. A path
that is not there is an error that names it, and so is one that is empty (null): a task never says "exports fell from  to ".
`default` gives a value for both, and `{% if account.champion %}` asks. Data is never read as a template, so a customer called
{{ x }} stays that.

Every template has at most 16,384 characters, writes at most 64 kB, and ends within a fifth of a second: the time is looked at
on every look-up, filter and loop, and nothing between two looks can take long, because what goes into a filter is bounded.
"""

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TextIO

from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import LiquidError, LiquidTypeError, ResourceLimitError, UndefinedError
from liquid.stringify import to_liquid_string
from liquid.undefined import StrictUndefined, is_undefined
from liquid.utils import ReadOnlyChainMap

from services.actions.filters import FILTERS, bounded

ROOTS = frozenset({"account", "user", "owner", "event", "evidence", "run", "play"})
# What is always there under a root whose names are ours; the names under the others are the customer's.
KNOWN: dict[str, frozenset[str]] = {
    "run": frozenset({"id", "play", "version", "account_id", "user_id", "subject", "opened_at", "title", "per"}),
    "play": frozenset({"name", "title", "version"}),
}
MAX_OUTPUT = 65_536
MAX_LOOP = 10_000
MAX_LOCALS = 65_536
MAX_SECONDS = 0.2

_TAGS = frozenset(
    (
        *("content", "output", "illegal", "comment", "doc", "#"),
        *("if", "unless", "case", "for", "break", "continue", "capture", "cycle", "assign"),
    )
)


class TemplateFailed(Exception):
    """A template that cannot be read or rendered; the message names the path, the filter or the limit."""


class _Missing(StrictUndefined):
    """A path that is not there: it may be asked about (`if`, `default`), but neither written nor counted with."""

    allowed_properties = StrictUndefined.allowed_properties | {"__bool__", "__eq__", "__liquid__", "__class__"}
    force_liquid_default = True

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return other is None or other is False or isinstance(other, StrictUndefined)

    __hash__ = StrictUndefined.__hash__


class _Context(RenderContext):
    """A render context without `now` and `today`, with a deadline."""

    __slots__ = ("_deadline",)

    def __init__(self, template: BoundTemplate, **settings: Any) -> None:
        super().__init__(template, **settings)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        self._deadline = time.monotonic() + MAX_SECONDS

    def get(self, path: list[object], **settings: Any) -> object:
        self._look_at_the_time()
        return super().get(path, **settings)

    def filter(self, name: str, token: Any) -> Callable[..., object]:
        self._look_at_the_time()
        return bounded(name, super().filter(name, token))

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self._look_at_the_time()
        super().raise_for_loop_limit(length)

    def _look_at_the_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise ResourceLimitError(f"it takes longer than {MAX_SECONDS} s", token=None)


class _Template(BoundTemplate):
    context_class = _Context


class _FilledOutputNode(OutputNode):
    """An output that refuses what would be a blank (null) or no text at all (a whole mapping)."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        value = self.expression.evaluate(context)
        if value is None or (isinstance(value, list) and None in value):
            raise UndefinedError(f"{self.expression} is empty", token=self.token)
        if isinstance(value, Mapping) and not is_undefined(value):
            raise LiquidTypeError(f"{self.expression} is not a text: name a field of it", token=self.token)
        return buffer.write(to_liquid_string(value, context.autoescape))


class _FilledOutput(Output):
    node_class = _FilledOutputNode


class _Environment(Environment):
    template_class = _Template
    loop_iteration_limit = MAX_LOOP
    local_namespace_limit = MAX_LOCALS
    output_stream_limit = MAX_OUTPUT
    context_depth_limit = 20
    block_nesting_limit = 20

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.add_tag(_FilledOutput)
        self.tags = {name: tag for name, tag in self.tags.items() if name in _TAGS}
        self.filters = {
            **{name: self.filters[name] for name in FILTERS if name in self.filters},
            **{name: own for name, own in FILTERS.items() if own is not None},
        }


_TEXT = _Environment(undefined=_Missing)
_HTML = _Environment(undefined=_Missing, autoescape=True)


def render(template: str, context: Mapping[str, Any], *, html: bool = False) -> str:
    """The text of a template; with `html` every value is escaped.

    Raises:
        TemplateFailed: bad syntax, an undefined or empty path, a limit.
    """
    compiled = _compile(template, html=html)
    try:
        return compiled.render(context)
    except (LiquidError, ArithmeticError, ValueError, TypeError, RecursionError) as error:
        raise TemplateFailed(_sentence(error)) from error


def unknown_paths(template: str, roots: frozenset[str] = ROOTS) -> list[str]:
    """The paths of a template that can never be there: an unknown root, or an unknown name under `run` and `play`.

    Raises:
        TemplateFailed: the template cannot be read, or uses an unknown filter.
    """
    analysis = _compile(template, html=False).analyze(include_partials=False)
    for name in analysis.filters:
        if name not in FILTERS:
            raise TemplateFailed(f"unknown filter {name!r}; there are {', '.join(sorted(FILTERS))}")
    unknown = []
    for root, variables in analysis.globals.items():
        for variable in variables:
            second = variable.segments[1] if len(variable.segments) > 1 else None
            if root not in roots or (root in KNOWN and isinstance(second, str) and second not in KNOWN[root]):
                unknown.append(str(variable))
    return sorted(set(unknown))


@lru_cache(maxsize=2048)
def _compile(template: str, *, html: bool) -> BoundTemplate:
    try:
        return (_HTML if html else _TEXT).from_string(template)
    except (LiquidError, ValueError, RecursionError) as error:
        raise TemplateFailed(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    """One line, without a library's decoration."""
    message = error.message if isinstance(error, LiquidError) else str(error)
    return " ".join(str(message).split())[:300]
