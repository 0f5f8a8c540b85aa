"""Every word of a matcher, by its name: adding one is a line here and its functions beside their kin."""

from shared.matchers.ages import older_than, read_duration, when_older, when_within, within
from shared.matchers.bounds import above, at_least, at_most, below, between, read_between, read_bound
from shared.matchers.contract import Word
from shared.matchers.equality import equals, exists, none_of, one_of, read_scalar, read_scalars, read_truth
from shared.matchers.texts import contains, ends_with, matches, read_contains, read_pattern, read_text, starts_with

WORDS: dict[str, Word] = {
    "equals": Word("is this value, of the same type", read_scalar, equals),
    "one_of": Word("is one of these values", read_scalars, one_of),
    "none_of": Word("is none of these values", read_scalars, none_of),
    "above": Word("is more than this: a number, a date, 40%, or 40% of account.seats", read_bound, above),
    "below": Word("is less than this", read_bound, below),
    "at_least": Word("is this or more (within 1e-9 of the bound)", read_bound, at_least),
    "at_most": Word("is this or less (within 1e-9 of the bound)", read_bound, at_most),
    "between": Word("is within [low, high], both included", read_between, between),
    "contains": Word(
        "a text has one of these in it, or a list has one of them as an element; ignores case", read_contains, contains
    ),
    "starts_with": Word("the text begins with this", read_text, starts_with),
    "ends_with": Word("the text ends with this", read_text, ends_with),
    "matches": Word("the regular expression is found in the text", read_pattern, matches),
    "exists": Word("true: the field is there; false: it is not", read_truth, exists),
    "older_than": Word("the instant lies more than this duration back", read_duration, older_than, when_older),
    "within": Word("the instant lies at most this duration back", read_duration, within, when_within),
}
