"""Errors for users of the program: their text is a sentence to show unchanged.

An error's base class is its kind; `deploy/cli/errors.py` turns it into an exit code. An error without such a
base class is a defect of Rapport, unless it comes from a library or the system.
"""

from __future__ import annotations


class UserError(Exception):
    """An error that a user can act on. `str(error)` is fact, cause and next act.

    Derive from one of the two below, not from this class.
    """


class FailureFound(UserError):
    """The data is wrong, or the program cannot do the request now."""


class EnvironmentProblem(UserError):
    """A setting, a file or a service is wrong: the program cannot work with it."""
