"""What can go wrong with services on this machine, as one exception whose text is a sentence."""

from __future__ import annotations

from domain.kernel.user_errors import EnvironmentProblem


class LocalServiceError(EnvironmentProblem):
    """A service on this machine could not be started or stopped.

    Its text states the fact, the cause and the next act; show it as it stands.
    """
