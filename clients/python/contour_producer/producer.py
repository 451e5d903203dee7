"""The connection to Contour's Redis. Every wait is bounded."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar
from uuid import uuid4

from bullmq import Queue
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .error import ProducerError
from .message import Message, body_of, json_of, shard_of

T = TypeVar("T")

_RETRY_AFTER = 0.05


class Producer:
    """Sends messages to Contour, through its queue or its streams.

    A call returns when Redis has the message. It retries for `timeout` seconds and then raises
    `ProducerError`. Calls may run concurrently: messages of one chat are sent in the order of the
    calls. Up to `max_buffered` messages may wait for an answer of Redis. `stream_shards` must
    equal Contour's STREAM_SHARDS.
    """

    def __init__(
        self,
        redis_url: str,
        stream_shards: int = 4,
        max_buffered: int = 1000,
        timeout: float = 2.0,
    ) -> None:
        if stream_shards < 1 or max_buffered < 1 or timeout <= 0:
            raise ValueError("stream_shards, max_buffered and timeout must be positive")
        self._shards = stream_shards
        self._max_buffered = max_buffered
        self._timeout = timeout
        self._redis = Redis.from_url(
            redis_url,
            decode_responses=True,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # This class retries itself, in order and for a bounded time.
            retry=Retry(NoBackoff(), 0),
        )
        self._queue = Queue("resolve", {"connection": self._redis})
        # One message at a time in each: this keeps the order of a chat and limits connections.
        self._lanes = [asyncio.Lock() for _ in range(stream_shards)]
        self._turns: set[asyncio.Task[None]] = set()
        self._buffered = 0
        self._why_away: Exception | None = None
        self._closed = False

    async def enqueue(self, message: Message) -> None:
        """Adds the message to the BullMQ queue `resolve`."""
        body = body_of(message)
        # Refused here, because BullMQ's own error would quote the message. Parsed again, so that a
        # change by the caller during the wait is not sent.
        body = json.loads(json_of(body))
        # The same id in a retry, so that BullMQ keeps one job.
        options = {"removeOnComplete": True, "jobId": str(uuid4())}
        await self._send(body, lambda: self._queue.add("resolve", body, options))

    async def stream(self, message: Message) -> str:
        """Appends the message to its chat's stream; returns the entry's id."""
        body = body_of(message)
        text = json_of(body)
        shard = shard_of(body["channel"], body["external_chat_id"], self._shards)
        key = f"contour:resolve:{shard}"
        return str(await self._send(body, lambda: self._redis.xadd(key, {"message": text})))

    async def close(self) -> None:
        """Refuses waiting messages, waits for answers to those under way, and disconnects."""
        self._closed = True
        await asyncio.gather(*self._turns)
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
        if self._closed:
            raise _closed_error()
        if self._buffered >= self._max_buffered:
            text = f"{self._max_buffered} messages already wait for an answer of Redis"
            raise ProducerError("buffer_full", f"{text}: send this one again later")
        lane = self._lanes[shard_of(body["channel"], body["external_chat_id"], self._shards)]
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        turn = asyncio.create_task(self._take_turn(lane, command, answer))
        self._turns.add(turn)
        turn.add_done_callback(self._turns.discard)
        self._buffered += 1
        try:
            return await asyncio.wait_for(answer, self._timeout)
        except asyncio.TimeoutError as error:
            text = f"Redis did not accept the message within {self._timeout:g} s"
            raise ProducerError(
                "redis_unavailable", f"{text}: send it again, it counts once"
            ) from self._why_away or error
        finally:
            self._buffered -= 1

    async def _take_turn(
        self, lane: asyncio.Lock, command: Callable[[], Awaitable[T]], answer: asyncio.Future[T]
    ) -> None:
        # Not cancelled at the message's time-out: the messages behind it use the connection that
        # is being made.
        async with lane:
            while not answer.done():
                if self._closed:
                    answer.set_exception(_closed_error())
                    return
                try:
                    result = await command()
                    self._why_away = None
                    if not answer.done():
                        answer.set_result(result)
                except (RedisError, OSError) as error:
                    self._why_away = error
                    await asyncio.sleep(_RETRY_AFTER)
                except Exception as error:
                    if not answer.done():
                        answer.set_exception(error)


def _closed_error() -> ProducerError:
    text = "the producer was closed before Redis accepted the message"
    return ProducerError("closed", f"{text}: send it again with another producer, it counts once")
