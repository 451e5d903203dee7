"""The messages that leave the process, without Redis. Contour's own tests use vectors.json too."""

import json
import unittest
from pathlib import Path
from typing import Any

from contour_producer import ProducerError, fingerprint_of, shard_of
from contour_producer.message import body_of, json_of

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))
GOOD: dict[str, Any] = {
    "channel": "telegram",
    "bot_token": "telegram-bot-token-1",
    "external_chat_id": "1",
    "text": "a",
}


class Vectors(unittest.TestCase):
    def test_fingerprints_are_those_of_the_vectors(self) -> None:
        for case in VECTORS["fingerprints"]:
            with self.subTest(case["credential"]):
                self.assertEqual(fingerprint_of(case["credential"]), case["fingerprint"])

    def test_shards_are_those_of_the_vectors(self) -> None:
        for case in VECTORS["shards"]:
            with self.subTest(case):
                shard = shard_of(case["channel"], case["external_chat_id"], case["shards"])
                self.assertEqual(shard, case["shard"])

    def test_bodies_are_those_of_the_vectors(self) -> None:
        for case in VECTORS["bodies"]:
            with self.subTest(case["message"]["channel"]):
                self.assertEqual(body_of(case["message"]), case["body"])

    def test_a_message_that_contour_would_refuse_is_refused_with_its_path(self) -> None:
        for case in VECTORS["refused"]:
            with self.subTest(case):
                with self.assertRaises(ProducerError) as caught:
                    body_of(case["message"])
                self.assertEqual(caught.exception.code, "invalid")
                self.assertTrue(str(caught.exception).startswith(f"{case['path']} "))


class Bodies(unittest.TestCase):
    def test_the_given_message_is_not_changed(self) -> None:
        message = dict(GOOD)
        body_of(message)
        self.assertEqual(message, GOOD)

    def test_media_and_meta_are_passed_through(self) -> None:
        media, meta = {"size": 2**60, "list": [1.5, None]}, {"batched": True, "ещё": "да"}
        body = body_of({**GOOD, "media": media, "meta": meta})
        self.assertEqual((body["media"], body["meta"]), (media, meta))

    def test_no_error_quotes_a_credential(self) -> None:
        for fault in ({"bot_token": "secret value"}, {"channel": "vk"}, {"media": object()}):
            with self.assertRaises(ProducerError) as caught:
                json_of(body_of({**GOOD, "bot_token": "secret", **fault}))
            self.assertNotIn("secret", str(caught.exception))

    def test_json_is_compact_utf_8(self) -> None:
        self.assertEqual(json_of({"a": ["Ё", 1]}), '{"a":["Ё",1]}'.encode())

    def test_values_outside_json_and_utf_8_are_invalid(self) -> None:
        endless: list[Any] = []
        endless.append(endless)
        for value in (b"bytes", float("nan"), "\ud800", endless):
            with self.subTest(type(value)), self.assertRaises(ProducerError) as caught:
                json_of({**GOOD, "media": value})
            self.assertEqual(caught.exception.code, "invalid")


if __name__ == "__main__":
    unittest.main()
