"""What an error of the Kafka client asks for, by table."""

from __future__ import annotations

import ssl

import kafka.errors as errors
import pytest

from consumers.kafka.failures import BrokerFailure, Verdict, describe, verdict
from domain.errors import Undecodable

RETRY, FENCED, STOP = Verdict.RETRY, Verdict.FENCED, Verdict.STOP


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
