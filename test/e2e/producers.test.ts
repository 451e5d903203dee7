import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createProducer, type Message } from '@contour/producer';
import { expect, onTestFinished, test } from 'vitest';
import { startContour } from '../support/contour.ts';
import { idOf, messagesOf } from '../support/messages.ts';
import { findPython, PYTHON_CLIENT, pythonWithPackages } from '../support/python.ts';
import { isWholeMatrix } from '../support/seed.ts';

const EACH = isWholeMatrix() ? 2_000 : 400;
const CHATS = 100;
const AT_ONCE = 250;
const run = promisify(execFile);

/** Every other message as a job, the others as entries, as many at once as the Node producer sends. */
const IN_PYTHON = `
import asyncio, json, sys
from contour_producer import Producer

async def main() -> None:
    messages = json.load(sys.stdin)
    async with Producer(sys.argv[1], timeout=20.0) as producer:
        for start in range(0, len(messages), ${AT_ONCE}):
            some = messages[start : start + ${AT_ONCE}]
            await asyncio.gather(*(
                producer.stream(m) if i % 2 else producer.enqueue(m) for i, m in enumerate(some)
            ))

asyncio.run(main())
`;

test('producers in Python and Node side by side lose and duplicate nothing', async ({ skip }) => {
  const python = findPython();
  if (python.reason !== undefined) {
    if (process.env.CI === 'true') throw new Error(python.reason);
    return skip(python.reason);
  }
  const interpreter = await pythonWithPackages(python.version);
  const contour = await startContour({ workers: 2 });
  onTestFinished(() => contour.close());
  const { telegram } = (await contour.addTenant()).accounts;
  const own = [...messagesOf(telegram, { count: EACH, chats: CHATS })];
  const theirs = [...messagesOf(telegram, { count: EACH, chats: CHATS })];

  const fromPython = run(interpreter, ['-c', IN_PYTHON, contour.redis.url], {
    env: { PATH: process.env.PATH, PYTHONPATH: PYTHON_CLIENT, PYTHONDONTWRITEBYTECODE: '1' },
  });
  fromPython.child.stdin?.end(JSON.stringify(theirs));
  const producer = createProducer({ redisUrl: contour.redis.url, timeoutMs: 20_000 });
  onTestFinished(() => producer.close());
  for (let from = 0; from < EACH; from += AT_ONCE) {
    const some = own.slice(from, from + AT_ONCE) as unknown as Message[];
    await Promise.all(
      some.map((message, i) =>
        i % 2 === 0 ? producer.enqueue(message) : producer.stream(message),
      ),
    );
  }
  await fromPython;
  const accepted = [...own, ...theirs].map((body) => ({ messageId: idOf(body), answer: null }));
  const sent = new Set(accepted.map(({ messageId }) => messageId));
  expect(await contour.check({ accepted, sent, drainMs: 120_000 })).toEqual([]);
}, 300_000);
