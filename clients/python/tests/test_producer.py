"""The content of a real Redis (REDIS_URL) after a call, and the errors of a call without one."""

import asyncio
import json
import os
import socket
import time
import unittest
from collections.abc import Awaitable, Callable
from typing import Any, cast

from contour_producer import Message, Producer, ProducerError, fingerprint_of, shard_of
from gate import Gate
from redis.asyncio import Redis

CREDENTIAL = "telegram-bot-token-секрет"
REPEATABLE = "send it again, it counts once"


def message_of(chat: str | int = "123456789", **fields: Any) -> Message:
    """A message with all fields."""
    message = {
        "channel": "telegram",
        "bot_token": CREDENTIAL,
        "external_chat_id": chat,
        "client_name": "Иван Петров",
        "text": "Привет 🤖",
        "timestamp": "2024-12-10T10:00:15Z",
        "message_ids": ["msg_1", 2],
        "media": {"photo": [{"file_id": "f1"}]},
        "meta": {"batched": True, "batch_size": 2},
        **fields,
    }
    return cast(Message, message)


def expected_body(message: Message) -> dict[str, Any]:
    body = {key: value for key, value in message.items() if key != "bot_token"}
    return {**body, "account_fingerprint": fingerprint_of(CREDENTIAL)}


class WithRedis(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.url = os.environ["REDIS_URL"]  # without one these tests fail: they are not optional
        self.redis = Redis.from_url(self.url, decode_responses=True)
        self.addAsyncCleanup(self.redis.aclose)
        await self.redis.flushdb()

    async def until(self, count: Callable[[], Awaitable[int]], wanted: int) -> None:
        deadline = time.monotonic() + 10
        while await count() < wanted:
            self.assertLess(time.monotonic(), deadline)
            await asyncio.sleep(0.001)

    async def texts(self, shard: int) -> list[str]:
        entries = await self.redis.xrange(f"contour:resolve:{shard}")
        return [json.loads(fields["message"])["text"] for _, fields in entries]


class Streams(WithRedis):
    async def test_an_entry_has_one_field_with_the_body(self) -> None:
        message = message_of(chat=-1001234567890)
        async with Producer(self.url) as producer:
            entry_id = await producer.stream(message)
        shard = shard_of("telegram", -1001234567890, 4)
        entries = await self.redis.xrange(f"contour:resolve:{shard}")
        text = json.dumps(expected_body(message), ensure_ascii=False, separators=(",", ":"))
        self.assertEqual(entries, [(entry_id, {"message": text})])

    async def test_every_chat_goes_to_its_shard(self) -> None:
        async with Producer(self.url, stream_shards=3) as producer:
            await asyncio.gather(*(producer.stream(message_of(chat)) for chat in range(30)))
        self.assertEqual(
            sorted(await self.redis.keys("*")), [f"contour:resolve:{shard}" for shard in range(3)]
        )
        for shard in range(3):
            for _, fields in await self.redis.xrange(f"contour:resolve:{shard}"):
                chat = json.loads(fields["message"])["external_chat_id"]
                self.assertEqual(shard_of("telegram", chat, 3), shard)

    async def test_messages_of_a_chat_sent_concurrently_stay_in_order(self) -> None:
        texts = [str(number) for number in range(500)]
        async with Producer(self.url, timeout=20) as producer:
            await asyncio.gather(*(producer.stream(message_of(text=text)) for text in texts))
        self.assertEqual(await self.texts(shard_of("telegram", "123456789", 4)), texts)


class Queue(WithRedis):
    async def test_a_job_has_the_name_and_the_body(self) -> None:
        message = message_of()
        async with Producer(self.url) as producer:
            await producer.enqueue(message)
        [job_id] = await self.redis.lrange("bull:resolve:wait", 0, -1)
        job = await self.redis.hgetall(f"bull:resolve:{job_id}")
        self.assertEqual(job["name"], "resolve")
        self.assertEqual(json.loads(job["data"]), expected_body(message))
        self.assertIs(json.loads(job["opts"])["removeOnComplete"], True)

    async def test_jobs_added_concurrently_are_all_there(self) -> None:
        async with Producer(self.url, timeout=20) as producer:
            await asyncio.gather(*(producer.enqueue(message_of(chat)) for chat in range(200)))
        self.assertEqual(await self.redis.llen("bull:resolve:wait"), 200)


class Secrets(WithRedis):
    async def test_no_value_in_redis_contains_the_credential(self) -> None:
        async with Producer(self.url) as producer:
            await producer.stream(message_of())
            await producer.enqueue(message_of())
        raw = Redis.from_url(self.url)
        self.addAsyncCleanup(raw.aclose)
        keys = await raw.keys("*")
        self.assertGreater(len(keys), 2)
        escaped = json.dumps(CREDENTIAL)[1:-1].encode()
        for key in keys:
            dump = await self.values_of(raw, key)
            self.assertNotIn(CREDENTIAL.encode(), dump)
            self.assertNotIn(escaped, dump)

    async def values_of(self, raw: Any, key: bytes) -> bytes:
        kind = (await raw.type(key)).decode()
        read = {
            "hash": lambda: raw.hgetall(key),
            "list": lambda: raw.lrange(key, 0, -1),
            "stream": lambda: raw.xrange(key),
            "string": lambda: raw.get(key),
            "zset": lambda: raw.zrange(key, 0, -1),
        }[kind]
        return _flat(await read())

    async def test_refused_messages_are_not_sent(self) -> None:
        bad = message_of(group_id="42")
        async with Producer(self.url) as producer:
            for send in (producer.stream, producer.enqueue):
                with self.assertRaises(ProducerError) as caught:
                    await send(bad)
                self.assertEqual(caught.exception.code, "invalid")
        self.assertEqual(await self.redis.dbsize(), 0)


class Outages(WithRedis):
    async def assert_unavailable(self, call: Any, within: float) -> None:
        started = time.monotonic()
        with self.assertRaises(ProducerError) as caught:
            await call
        self.assertLess(time.monotonic() - started, within)
        self.assertEqual(caught.exception.code, "redis_unavailable")
        self.assertIsNotNone(caught.exception.__cause__)
        self.assertIn(REPEATABLE, str(caught.exception))
        self.assertNotIn(CREDENTIAL, str(caught.exception))

    async def test_an_outage_of_redis_is_an_error_after_the_timeout(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # and never listens
            url = f"redis://127.0.0.1:{unused.getsockname()[1]}"
            async with Producer(url, timeout=0.5) as producer:
                await self.assert_unavailable(producer.stream(message_of()), within=5)
                await self.assert_unavailable(producer.enqueue(message_of()), within=5)

    async def test_a_redis_that_does_not_answer_is_an_error_after_the_timeout(self) -> None:
        async with Gate(self.url) as gate, Producer(gate.url, timeout=1) as producer:
            gate.hold()
            await self.assert_unavailable(producer.stream(message_of()), within=5)
            await self.assert_unavailable(producer.enqueue(message_of()), within=5)

    async def test_many_waiting_messages_fail_together_in_an_outage(self) -> None:
        async with Gate(self.url) as gate, Producer(gate.url, timeout=1) as producer:
            gate.hold()
            calls = [producer.stream(message_of(chat)) for chat in range(200)]
            started = time.monotonic()
            results = await asyncio.gather(*calls, return_exceptions=True)
            self.assertLess(time.monotonic() - started, 5)
            self.assertEqual({type(result) for result in results}, {ProducerError})
            self.assertLessEqual(gate.connections, 8)

    async def test_a_late_answer_is_not_used_for_the_next_message(self) -> None:
        async with Gate(self.url) as gate, Producer(gate.url, timeout=4) as producer:
            await producer.stream(message_of(text="first"))
            gate.hold()
            await self.assert_unavailable(producer.stream(message_of(text="late")), within=20)
            gate.open()
            entry_id = await producer.stream(message_of(text="next"))
        key = f"contour:resolve:{shard_of('telegram', '123456789', 4)}"
        [(_, fields)] = await self.redis.xrange(key, entry_id, entry_id)
        self.assertEqual(json.loads(fields["message"])["text"], "next")

    async def test_waiting_messages_are_sent_in_order_when_redis_is_back(self) -> None:
        texts = [str(number) for number in range(50)]
        async with Gate(self.url) as gate, Producer(gate.url, timeout=20) as producer:
            gate.shut()
            streamed = asyncio.gather(*(producer.stream(message_of(text=text)) for text in texts))
            enqueued = asyncio.gather(*(producer.enqueue(message_of(chat)) for chat in range(9)))
            await self.until(gate.counted, 3)  # refused, and retried
            gate.open()
            await asyncio.gather(streamed, enqueued)
        self.assertEqual(await self.texts(shard_of("telegram", "123456789", 4)), texts)
        self.assertEqual(await self.redis.llen("bull:resolve:wait"), 9)

    async def test_a_slow_redis_is_reached_although_every_message_has_little_time_left(self) -> None:
        async with Gate(self.url) as gate, Producer(gate.url, timeout=2) as producer:
            gate.hold()
            calls = []
            for number in range(60):
                calls.append(asyncio.create_task(producer.stream(message_of(text=str(number)))))
                await asyncio.sleep(0.04)
            self.assertLessEqual(gate.connections, 3)
            gate.open()
            results = await asyncio.gather(*calls, return_exceptions=True)
        self.assertIsInstance(results[0], ProducerError)
        self.assertIsInstance(results[-1], str)

    async def test_a_job_whose_answer_was_lost_is_sent_again_and_exists_once(self) -> None:
        async with Gate(self.url) as gate, Producer(gate.url, timeout=20) as producer:
            await producer.enqueue(message_of())  # a connection that needs no more answers
            gate.hold()
            sending = asyncio.create_task(producer.enqueue(message_of()))
            await self.until(lambda: self.redis.llen("bull:resolve:wait"), 2)
            gate.cut()
            gate.open()
            await sending
        self.assertEqual(await self.redis.llen("bull:resolve:wait"), 2)

    async def test_messages_beyond_max_buffered_are_refused_at_once(self) -> None:
        async with Gate(self.url) as gate, Producer(gate.url, max_buffered=2) as producer:
            gate.hold()
            waiting = asyncio.gather(producer.stream(message_of()), producer.enqueue(message_of()))
            await asyncio.sleep(0)
            with self.assertRaises(ProducerError) as caught:
                await asyncio.wait_for(producer.stream(message_of()), 0.5)
            self.assertEqual(caught.exception.code, "buffer_full")
            self.assertIn("2 messages already wait", str(caught.exception))
            gate.open()
            await waiting
            await producer.stream(message_of())

    async def test_connections_that_were_cut_while_idle_cost_no_message(self) -> None:
        async with Gate(self.url) as gate, Producer(gate.url) as producer:
            await producer.stream(message_of(text="before"))
            gate.cut()
            await producer.stream(message_of(text="after"))
            gate.cut()
            await producer.enqueue(message_of())
        shard = shard_of("telegram", "123456789", 4)
        self.assertEqual(await self.texts(shard), ["before", "after"])

    async def test_a_full_redis_is_unavailable(self) -> None:
        await self.redis.config_set("maxmemory", "1")
        try:
            async with Producer(self.url, timeout=0.5) as producer:
                await self.assert_unavailable(producer.stream(message_of()), within=5)
                await self.assert_unavailable(producer.enqueue(message_of()), within=5)
        finally:
            await self.redis.config_set("maxmemory", "0")

    async def test_close_refuses_waiting_messages_and_waits_for_answers(self) -> None:
        async with Gate(self.url) as gate:
            producer = Producer(gate.url, timeout=20)
            await producer.stream(message_of(text="before"))
            gate.hold()
            chat = [producer.stream(message_of(text=text)) for text in ("on its way", "waits")]
            calls = asyncio.gather(*chat, return_exceptions=True)
            shard = shard_of("telegram", "123456789", 4)
            key = f"contour:resolve:{shard}"
            await self.until(lambda: self.redis.xlen(key), 2)
            closing = asyncio.create_task(producer.close())
            await asyncio.sleep(0)
            gate.open()
            await closing
            entry_id, error = await calls
        [_, (stream_id, _)] = await self.redis.xrange(key)
        self.assertEqual(entry_id, stream_id)
        self.assertEqual(error.code, "closed")

    async def test_a_closed_producer_refuses_messages(self) -> None:
        producer = Producer(self.url)
        await producer.close()
        await producer.close()
        with self.assertRaises(ProducerError) as caught:
            await producer.stream(message_of())
        self.assertEqual(caught.exception.code, "closed")


def _flat(value: Any) -> bytes:
    """All byte strings in a nested answer."""
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        return b" ".join(_flat(item) for item in value)
    return value if isinstance(value, bytes) else str(value).encode()


if __name__ == "__main__":
    unittest.main()
