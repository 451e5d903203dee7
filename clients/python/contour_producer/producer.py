"""The connection to Contour's Redis, with an end to every wait."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from bullmq import Queue
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .error import ProducerError
from .message import Message, body_of, json_of, shard_of

T = TypeVar("T")

_NOT_KNOWN = "not known to be accepted: send it again, it counts once"
# Calls that may wait for their turn at once; beyond it the caller is faster than Redis.
_MAX_WAITING = 10_000


class Producer:
    """Hands messages to Contour, through its queue or through its streams.

    A call returns when Redis has the message, and raises `ProducerError` otherwise. Calls may run
    side by side: messages of one chat leave in the order of the calls. `timeout` is in seconds,
    for one message; `stream_shards` must be what Contour runs with (STREAM_SHARDS).
    """

    def __init__(self, redis_url: str, stream_shards: int = 4, timeout: float = 2.0) -> None:
        if stream_shards < 1 or timeout <= 0:
            raise ValueError("stream_shards and timeout must be positive")
        self._shards = stream_shards
        self._timeout = timeout
        self._redis = Redis.from_url(
            redis_url,
            decode_responses=True,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # Once, at once: for a connection that Redis has closed while nobody used it.
            retry=Retry(NoBackoff(), 1),
        )
        self._queue = Queue("resolve", {"connection": self._redis})
        # One message at a time in each: the order of a chat, and a limit to the connections.
        self._lanes = [asyncio.Lock() for _ in range(stream_shards)]
        self._waiting = 0
        self._outages = 0
        self._closed = False

    async def enqueue(self, message: Message) -> None:
        """Adds the message to the BullMQ queue `resolve`."""
        body = body_of(message)
        json_of(body)  # refused here, where BullMQ's own error would quote the message
        options = {"removeOnComplete": True}
        await self._send(body, lambda: self._queue.add("resolve", body, options))

    async def stream(self, message: Message) -> str:
        """Appends the message to its chat's stream; returns the entry's id."""
        body = body_of(message)
        text = json_of(body)
        shard = shard_of(body["channel"], body["external_chat_id"], self._shards)
        key = f"contour:resolve:{shard}"
        return str(await self._send(body, lambda: self._redis.xadd(key, {"message": text})))

    async def close(self) -> None:
        """Lets go of the connections; may be called again."""
        self._closed = True
        await self._redis.aclose()

    async def __aenter__(self) -> "Producer":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _send(self, body: Mapping[str, Any], command: Callable[[], Awaitable[T]]) -> T:
        if self._waiting >= _MAX_WAITING:
            raise ProducerError("busy", f"{_MAX_WAITING} messages wait already: send it later")
        lane = shard_of(body["channel"], body["external_chat_id"], self._shards)
        outages = self._outages
        self._waiting += 1
        try:
            async with self._lanes[lane]:
                if self._closed:
                    raise ProducerError("closed", "the producer is closed")
                # Who waited behind a message that Redis did not take is not made to wait again.
                if self._outages != outages:
                    raise ProducerError("unavailable", f"Redis is away: {_NOT_KNOWN}")
                return await asyncio.wait_for(command(), self._timeout)
        except (RedisError, OSError, asyncio.TimeoutError) as error:
            self._outages += 1
            why = f"Redis did not take the message ({type(error).__name__})"
            raise ProducerError("unavailable", f"{why}: {_NOT_KNOWN}") from error
        finally:
            self._waiting -= 1
