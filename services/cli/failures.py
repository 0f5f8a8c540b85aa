"""Why a command ends without doing what it was asked: one clear sentence, and the exit code of it.

Failure                what `main` prints instead of a traceback
  Found          1     something was found: a bad play, a difference, a refusal by the system
  WrongUsage     2     what was asked cannot be asked like that
  Unreachable    3     the system could not be reached
"""


class Failure(Exception):
    """A sentence for people. `exit_code` is for programs."""

    exit_code = 1


class Found(Failure):
    """Something was found. With an empty sentence the command has printed it already."""

    exit_code = 1


class WrongUsage(Failure):
    """What was asked cannot be asked like that."""

    exit_code = 2


class Unreachable(Failure):
    """The system could not be reached, or cannot answer now."""

    exit_code = 3
