"""The one error that a caller of the producer has to know."""

from typing import Literal

ErrorCode = Literal["redis_unavailable", "buffer_full", "closed", "invalid"]


class ProducerError(Exception):
    """A message that was not put into Redis, or is not known to be there.

    `invalid` is final: the message itself has to change. `redis_unavailable` and `buffer_full`
    say: send the same message again, it counts once; `closed` says: with another producer. The
    text never holds a credential or a part of a message.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
