"""Every word of a matcher, by its name: adding one is a line here and its functions beside their kin."""

from shared.matchers.ages import older_than, read_duration, when_older, when_within, within
from shared.matchers.bounds import above, at_least, at_most, below, between, read_between, read_bound
from shared.matchers.contract import Word
from shared.matchers.equality import equals, exists, none_of, one_of, read_scalar, read_scalars, read_truth
from shared.matchers.texts import contains, ends_with, matches, read_contains, read_pattern, read_text, starts_with

WORDS: dict[str, Word] = {
    "equals": Word("is this value, of the same type", "be {}", read_scalar, equals),
    "one_of": Word("is one of these values", "be one of {}", read_scalars, one_of),
    "none_of": Word("is none of these values", "be none of {}", read_scalars, none_of),
    "above": Word("is more than this: a number, a date, 40%, or 40% of account.seats", "be above {}", read_bound, above),
    "below": Word("is less than this", "be below {}", read_bound, below),
    "at_least": Word("is this or more (within 1e-9 of the bound)", "be at least {}", read_bound, at_least),
    "at_most": Word("is this or less (within 1e-9 of the bound)", "be at most {}", read_bound, at_most),
    "between": Word("is within [low, high], both included", "be between {}", read_between, between),
    "contains": Word(
        "a text has one of these in it, or a list has one of them as an element; ignores case",
        "contain {}",
        read_contains,
        contains,
    ),
    "starts_with": Word("the text begins with this", "start with {}", read_text, starts_with),
    "ends_with": Word("the text ends with this", "end with {}", read_text, ends_with),
    "matches": Word("the regular expression is found in the text", "match {}", read_pattern, matches),
    "exists": Word("true: the field is there; false: it is not", "be there: {}", read_truth, exists),
    "older_than": Word("the instant lies more than this far back", "be more than {} ago", read_duration, older_than, when_older),
    "within": Word("the instant lies at most this far back", "be within the last {}", read_duration, within, when_within),
}
