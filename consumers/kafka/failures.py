"""What to do about an error of the Kafka client: one pure function, and the errors that publishing raises."""

from __future__ import annotations

import re
import ssl
from enum import StrEnum
from typing import Final

import kafka.errors as errors

from domain.kernel.user_errors import EnvironmentProblem


class Verdict(StrEnum):
    """What to do about an error."""

    RETRY = "retry"
    """The error passes by itself, or when the broker is back: try again from the last committed seal."""
    FENCED = "fenced"
    """Another producer has taken over the transactional id: see who leads, then try again or wait."""
    STOP = "stop"
    """Trying again would fail the same way: somebody has to act."""


# The client counts these as final for the producer that met them. We make a new one, which begins at the last
# committed seal, and it has no memory of the cause.
PASSES_WITH_THE_PRODUCER: Final = (
    errors.OutOfOrderSequenceNumberError,
    errors.UnknownProducerIdError,
    errors.InvalidProducerIdMappingError,
    errors.InvalidTxnStateError,
    errors.TransactionAbortedError,
    errors.TransactionAbortableError,
    errors.TransactionCoordinatorFencedError,
    errors.TransactionalIdNotFoundError,
    errors.DuplicateSequenceNumberError,
    errors.IllegalStateError,
    errors.BrokerNotAvailableError,
    errors.KafkaProtocolError,
)
FENCED: Final = (errors.ProducerFencedError, errors.InvalidProducerEpochError)
NAME: Final = re.compile(r"\b[A-Z]\w+")


class BrokerFailure(EnvironmentProblem):
    """A request to Kafka failed. Its text is for an operator.

    `verdict` is what to do; `position` is that of the event to blame, if there is one.
    """

    def __init__(self, text: str, *, verdict: Verdict, position: int | None = None) -> None:
        super().__init__(text)
        self.verdict, self.position = verdict, position


def verdict(error: BaseException) -> Verdict:
    """Returns what to do about an error of the Kafka client."""
    if isinstance(error, BrokerFailure):
        return error.verdict
    if isinstance(error, FENCED):
        return Verdict.FENCED
    if type(error) is errors.KafkaError:
        return _verdict_of_wrapped(str(error))
    if isinstance(error, errors.KafkaError):
        passes = error.retriable or isinstance(error, PASSES_WITH_THE_PRODUCER)
        return Verdict.RETRY if passes else Verdict.STOP
    if isinstance(error, (ssl.SSLError, FileNotFoundError, PermissionError)):
        return Verdict.STOP
    if isinstance(error, OSError):
        return Verdict.RETRY
    return Verdict.STOP


def _verdict_of_wrapped(text: str) -> Verdict:
    """Returns the verdict on a general error, which names its cause only in its text. The client raises one
    when a transaction's request gets no response."""
    for name in NAME.findall(text):
        cause = getattr(errors, name, None)
        if (
            isinstance(cause, type)
            and issubclass(cause, errors.KafkaError)
            and cause is not errors.KafkaError
        ):
            return verdict(cause())
    return Verdict.STOP


def describe(error: BaseException) -> str:
    """Returns an error of the client as a few words for a sentence."""
    name = type(error).__name__
    text = re.sub(r"^\[Error -?\d+\] ", "", str(error).strip())
    return text.removeprefix(f"{name}:").strip() or name
