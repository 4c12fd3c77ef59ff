"""Errors for whoever uses the program: their text is a sentence to be shown as it stands.

An error says by its base what kind of trouble it is; `deploy/cli/errors.py` turns that into an exit code. An
error that is derived from none of these is a defect of Rapport, unless it comes from a library or the system.
"""

from __future__ import annotations


class UserError(Exception):
    """An error that a user can act on. `str(error)` is fact, cause and next act.

    Derive from one of the two below, not from this class.
    """


class FailureFound(UserError):
    """Something is wrong with the data, or what was asked for cannot be done now."""


class EnvironmentProblem(UserError):
    """A setting, a file or a service is not as it must be: the program cannot do its work there."""
