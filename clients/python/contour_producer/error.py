"""The only error that the producer raises."""

from typing import Literal

ErrorCode = Literal["redis_unavailable", "buffer_full", "closed", "invalid"]


class ProducerError(Exception):
    """A message may not have been accepted by Redis.

    `invalid` is final: correct the message. After `redis_unavailable` and `buffer_full` send the
    same message again, after `closed` with another producer: it counts once. The text never
    contains a credential or a part of a message.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
