"""Runs the examples of the README."""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

from redis import Redis

FOLDER = Path(__file__).parent.parent
EXAMPLES = re.findall(
    r"^```python\n(.*?)^```$", (FOLDER / "README.md").read_text(encoding="utf-8"), re.M | re.S
)


def printed_by(example: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if run.returncode != 0:
        raise AssertionError(run.stderr)
    return run.stdout.split()


class Readme(unittest.TestCase):
    def setUp(self) -> None:
        self.redis = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
        self.addCleanup(self.redis.close)
        self.redis.flushdb()

    def test_the_first_example_sends_both_ways(self) -> None:
        [entry_id] = printed_by(EXAMPLES[0])
        [(stream_id, _)] = self.redis.xrange("contour:resolve:1")
        self.assertEqual(stream_id, entry_id)
        self.assertEqual(self.redis.llen("bull:resolve:wait"), 1)

    def test_the_second_example_recognises_an_invalid_message(self) -> None:
        self.assertEqual(printed_by(EXAMPLES[1]), ["True", "False"])


if __name__ == "__main__":
    unittest.main()
