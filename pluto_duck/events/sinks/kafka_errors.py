"""What Kafka says, in words of ours: what passes, and what somebody has to mend."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from pluto_duck.errors import PlutoError, TargetBusy, TargetError

_TERMINAL = {
    "SaslAuthenticationFailedError": "Check username and password.",
    "UnsupportedSaslMechanismError": "Ask for another mechanism with the option sasl.",
    "IllegalSaslStateError": "Check the options security and sasl.",
    "InvalidTopicError": "Choose another prefix.",
    "InvalidReplicationFactorError": "Give the option replication a number that the cluster has brokers for.",
    "InvalidPartitionsError": "Give the option partitions another number.",
    "PolicyViolationError": "The cluster's rules forbid such a topic: make it there, or change the options.",
    "UnsupportedVersionError": "The broker is too old: transactions need Kafka 0.11 or newer.",
    "IncompatibleBrokerVersion": "The broker is too old: transactions need Kafka 0.11 or newer.",
    "UnsupportedCodecError": "Choose another compression.",
    "UnknownTopicOrPartitionError": "Make the topic, or let the sink make it: create_topics=true.",
}
_FENCED = ("ProducerFencedError", "InvalidProducerEpochError", "TransactionCoordinatorFencedError")


def told(error: BaseException, brokers: str) -> PlutoError:
    """Broker state that a new producer mends (unknown producer ids, out-of-order sequences) passes, too."""
    from kafka.errors import AuthorizationError, KafkaConfigurationError

    kind = type(error).__name__
    says = (str(error) or kind).removesuffix(".")
    if "CERTIFICATE_VERIFY_FAILED" in says:
        why = says.partition("verify failed:")[2].partition("(_ssl")[0].strip() or says
        return TargetError(f"The certificate of Kafka at {brokers} is not trusted: {why}.", hint="Name the file of who "
                           "signed it with the option ca; is the address the one that it was made for?")
    # A batch that failed in the background is told by what comes after it, with the reason as its second word.
    if kind in _FENCED or any(type(one).__name__ in _FENCED for one in error.args):
        return TargetError("Another publisher took this sink's place at the broker.", hint="Two workspaces must not "
                           "share both prefix and name of a sink: give one of them another prefix.")
    if isinstance(error, AuthorizationError):
        return TargetError(f"Kafka at {brokers} does not allow it: {says}.", hint="The user needs to write, to "
                           "describe and to create topics, and to use its transactional id.")
    if kind in _TERMINAL:
        return TargetError(f"Kafka at {brokers} refused: {says}.", hint=_TERMINAL[kind])
    if isinstance(error, KafkaConfigurationError | ValueError | FileNotFoundError):
        return TargetError(f"Kafka's client can't work like this: {says}.", hint="Check the options of the sink.")
    return TargetBusy(f"Kafka at {brokers} did not take it: {says}.", hint="It is tried again by itself.")


class telling:
    """Around calls of kafka-python: its errors leave as ours."""

    def __init__(self, brokers: str) -> None:
        self._brokers = brokers
        self._why: BaseException | None = None

    def client(self, **config: Any) -> Any:
        """What its clients take as `kafka_client`. They try again until their time is over and then tell only that
        it is; this one notes what every trial met."""
        from kafka.net.compat import KafkaNetClient

        made = KafkaNetClient(**config)
        connect = made._manager.get_connection

        def noting(*args: Any, **kwargs: Any) -> Any:
            if self._why is not None and not told(self._why, "").transient:
                raise self._why  # trying again does not help
            connection = connect(*args, **kwargs)
            connection.init_future.add_errback(self._note)
            return connection

        made._manager.get_connection = noting
        return made

    def _note(self, error: BaseException) -> None:
        self._why = error

    def __enter__(self) -> None:
        self._why = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        from kafka.errors import KafkaError, KafkaTimeoutError

        if isinstance(error, KafkaTimeoutError) and self._why is not None:
            error = self._why
        if isinstance(error, KafkaError | OSError | ValueError) and not isinstance(error, PlutoError):
            raise told(error, self._brokers) from error
