"""What an error of the Kafka client asks for, by table."""

from __future__ import annotations

import ssl

import kafka.errors as errors
import pytest

from consumers.kafka.failures import BrokerFailure, Verdict, describe, verdict
from domain.kernel.errors import Undecodable

RETRY, FENCED, STOP = Verdict.RETRY, Verdict.FENCED, Verdict.STOP


def unanswered(cause: Exception) -> errors.KafkaError:
    """What the client makes of a transaction's request that has no answer (a fault test met it)."""
    return errors.KafkaError(f"Could not execute transactional request for unknown reasons: {cause}")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.KafkaTimeoutError("no answer"), RETRY),
        (errors.KafkaConnectionError("refused"), RETRY),
        (errors.CoordinatorNotAvailableError(), RETRY),
        (errors.NotLeaderForPartitionError(), RETRY),
        (errors.ConcurrentTransactionsError(), RETRY),
        (errors.OutOfOrderSequenceNumberError(), RETRY),
        (errors.UnknownProducerIdError(), RETRY),
        (errors.InvalidTxnStateError(), RETRY),
        (errors.TransactionAbortedError(), RETRY),
        (ConnectionRefusedError(), RETRY),
        (errors.ProducerFencedError(), FENCED),
        (errors.InvalidProducerEpochError(), FENCED),
        (errors.MessageSizeTooLargeError(), STOP),
        (errors.RecordListTooLargeError(), STOP),
        (errors.TopicAuthorizationFailedError(), STOP),
        (errors.TransactionalIdAuthorizationFailedError(), STOP),
        (errors.SaslAuthenticationFailedError(), STOP),
        (errors.UnsupportedVersionError(), STOP),
        (errors.InvalidTopicError(), STOP),
        (errors.KafkaError("never seen before"), STOP),
        (unanswered(errors.RequestTimedOutError("Request timed out after 2999 ms")), RETRY),
        (unanswered(errors.Cancelled("the connection closed")), RETRY),
        (unanswered(TypeError("the answer cannot be read")), STOP),
        (errors.KafkaError(f"Unhandled error in EndTxnResponse: {errors.RequestTimedOutError()}"), RETRY),
        (errors.KafkaError(f"Unhandled error in EndTxnResponse: {errors.UnknownError()}"), STOP),
        (errors.KafkaError(f"Unexpected error: {errors.InvalidProducerEpochError()}"), FENCED),
        (errors.KafkaError("[Error 99] MadeUpError"), STOP),
        (ssl.SSLError("certificate"), STOP),
        (FileNotFoundError("ca.pem"), STOP),
        (Undecodable("no seal"), STOP),
        (ValueError("a defect of ours"), STOP),
        (BrokerFailure("x", verdict=RETRY), RETRY),
        (BrokerFailure("x", verdict=STOP), STOP),
    ],
)
def test_verdict(error: Exception, expected: Verdict) -> None:
    assert verdict(error) is expected


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.KafkaTimeoutError("no answer"), "no answer"),
        (errors.MessageSizeTooLargeError("2 bytes too many"), "2 bytes too many"),
        (errors.ProducerFencedError(), "ProducerFencedError"),
        (ConnectionRefusedError(111, "Connection refused"), "[Errno 111] Connection refused"),
    ],
)
def test_an_error_in_words_for_a_sentence(error: Exception, words: str) -> None:
    assert describe(error) == words
