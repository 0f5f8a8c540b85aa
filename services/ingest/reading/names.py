"""Event names: dotted lower case, object.past-verb. What senders call them in their own way is brought into this form.

report.exported        stays
Report Exported        report.exported         the last word stands after the dot
dataExportFinished     data_export.finished
signup                 signup                  one word stays
Report.Exported        report.exported         where there is a dot already, it is kept
"""

import re
from functools import lru_cache

LONGEST = 200

_FINE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_WORD = re.compile(r"[^\W_]+")
# Between exportFinished's two words, and between those of HTTPRequest.
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@lru_cache(maxsize=4096)
def normalise(name: str) -> str:
    """The name in our form; empty when there is no letter and no digit in it."""
    if _FINE.fullmatch(name):
        return name
    parts = [words for part in name.split(".") if (words := _words(part))]
    if not parts:
        return ""
    if len(parts) > 1:
        return ".".join("_".join(words) for words in parts)
    *object_words, verb = parts[0]
    return f"{'_'.join(object_words)}.{verb}" if object_words else verb


def _words(part: str) -> list[str]:
    return [word.lower() for run in _WORD.findall(part) for word in _HUMP.split(run)]
