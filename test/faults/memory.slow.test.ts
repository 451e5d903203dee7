import { fileURLToPath } from 'node:url';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type Body, messageTo } from '../support/messages.ts';
import { withRedis } from '../support/redis-client.ts';
import { startLoad } from '../support/send.ts';
import type { TestAccount } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';
import { row } from './matrix/row.ts';
import {
  FAST,
  graphOfMatrix,
  recover,
  secondsUntilThrough,
  told,
  underLoad,
} from './matrix/under-load.ts';

const SMALL_HEAP = '--max-old-space-size=96';
const FILL_ON_SIGNAL = fileURLToPath(
  new URL('./inject/fill-memory-on-signal.mjs', import.meta.url),
);
/** Small on the wire, larger than the heap once it is parsed. */
const POISON = `[${'[],'.repeat(8_000_000)}0]`;

/** Messages with the largest text, 250 KB each, a few of each chat. */
function* bigMessages(account: TestAccount, chats: number, each: number): Generator<Body> {
  for (let index = 0; index < chats * each; index += 1) {
    yield messageTo(account, {
      external_chat_id: `big-${index % chats}`,
      text: `${'🙂'.repeat(62_000)} ${index}`,
      message_ids: [`big-${index}`],
    });
  }
}

describe('Memory', () => {
  let contour: Contour;
  let queue: Queue;
  beforeAll(async () => {
    contour = await startContour({
      neo4jUri: graphOfMatrix(),
      workers: 2,
      env: { NODE_OPTIONS: SMALL_HEAP },
    });
    queue = new Queue('resolve', { connection: { url: contour.redis.url } });
  });
  afterAll(async () => {
    await queue?.close();
    await contour?.close();
  });

  row(
    'one job would take all of it',
    {
      injected: 'a job of 24 MB that becomes 500 MB, for workers with a heap of 96 MB',
      load: told(FAST),
      withinSeconds: 15,
    },
    async () => {
      const load = await underLoad(contour, FAST);
      const job = await queue.add('resolve', {}, { jobId: 'poison', delay: 60_000 });
      await withRedis(contour.redis.url, (run) =>
        run('HSET', 'bull:resolve:poison', 'data', POISON),
      );
      await job.promote();
      const outcome = await recover(contour, load);
      const isParked = async () => (await contour.dlq()).length === 1;
      await waitFor('the poison to be parked', isParked, { deadlineMs: 30_000 });
      // Each worker that read it would die, one after the other.
      expect(contour.workers.filter((worker) => worker.ended())).toEqual([]);
      return outcome;
    },
  );

  row(
    'a worker runs out of it',
    {
      injected: 'an endless list in one of three workers, heap 96 MB',
      load: told(FAST),
      withinSeconds: 15,
    },
    async () => {
      const options = `${SMALL_HEAP} --import=${FILL_ON_SIGNAL}`;
      const victim = await contour.startWorker({ NODE_OPTIONS: options });
      const load = await underLoad(contour, FAST);
      await victim.kill('SIGUSR2');
      // V8 aborts a process whose heap is full.
      expect(await victim.end).toEqual({ code: null, signal: 'SIGABRT' });
      expect(victim.output()).toContain('heap out of memory');
      return recover(contour, load);
    },
  );

  row(
    'many dialogs of big messages are due at once',
    {
      injected:
        '50 dialogs with 10 pending messages of 250 KB each, for a worker with a heap of 96 MB',
      load: '500 messages of 250 KB, all waiting',
      withinSeconds: 60,
    },
    async () => {
      const own = await startContour({ workers: 0 });
      try {
        await own.startWorker({ WORKER_ROLES: 'resolve' });
        const { telegram } = (await own.addTenant()).accounts;
        const messages = bigMessages(telegram, 50, 10);
        const load = startLoad({ urls: own.urls, messages, concurrency: 10 });
        const { accepted } = await load.done;
        await own.startWorker({ WORKER_ROLES: 'deliver', NODE_OPTIONS: SMALL_HEAP });
        const recoverySeconds = await secondsUntilThrough(own, load);
        expect(own.workers.filter((worker) => worker.ended())).toEqual([]);
        return { recoverySeconds, violations: await own.check({ accepted, sent: load.sent }) };
      } finally {
        await own.close();
      }
    },
  );
});
