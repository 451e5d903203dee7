import { type JobsOptions, Queue } from 'bullmq';
import { expect, test } from 'vitest';
import { message, resolveJobOf } from '../../../test/support/samples.ts';
import { waitFor, within } from '../../../test/support/wait-for.ts';
import {
  createProducer,
  createResolveConsumer,
  type HandleJob,
  type IncomingJob,
} from '../src/index.ts';
import { gate } from './gate.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

const newProducer = () =>
  own.closing(createProducer({ redisUrl: own.server.url, onError: own.onError }));

function consume(
  handle: HandleJob,
  concurrency = 10,
  seal: (job: IncomingJob) => unknown = () => undefined,
  giveUp: (job: IncomingJob, error: Error) => Promise<void> = async () => undefined,
) {
  const { onError } = own;
  const consumer = own.closing(
    createResolveConsumer({
      ...{ redisUrl: own.server.url, concurrency, onError, seal, handle },
      giveUp,
      unsealed: () => ({ removed: true }),
    }),
  );
  consumer.start();
  return consumer;
}

const whenAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));

const keysOf = (queue: string) => own.client.keys(`bull:${queue}:????????-*`);

async function addUntilTaken(producer = newProducer()): Promise<void> {
  await waitFor('the producer to add', () =>
    producer.addResolve([resolveJobOf(message())]).then(() => true),
  );
}

async function addAsOthersDo(data: unknown, opts: JobsOptions = {}): Promise<void> {
  const queue = new Queue('resolve', { connection: { url: own.server.url } });
  await queue.add('resolve', data, opts);
  await queue.close();
}

test("sealed data replace a job's data before it is handled, and are removed when it ends", async () => {
  const stored: unknown[] = [];
  const seen: unknown[] = [];
  const consumer = consume(
    async (job) => {
      stored.push(JSON.parse((await own.client.hget(`bull:resolve:${job.id}`, 'data')) ?? ''));
      seen.push(job.data);
      return stored.length === 1 ? { retryInMs: 10 } : 'done';
    },
    1,
    ({ data }) => ((data as { secret?: string }).secret ? { sealed: true } : undefined),
  );
  await addAsOthersDo({ secret: 'word' }, { jobId: 'custom', removeOnComplete: false });
  await waitFor('the job', () => consumer.completed() === 1);
  expect(stored).toEqual([{ sealed: true }, { sealed: true }]);
  expect(seen).toEqual([{ secret: 'word' }, { sealed: true }]);
  expect(await own.client.exists('bull:resolve:custom')).toBe(0);
  expect(own.errors).toEqual([]);
});

test('a job is retried when sealing throws', async () => {
  let tries = 0;
  const consumer = consume(
    async () => 'done',
    1,
    () => {
      tries += 1;
      if (tries === 1) throw new Error('not now');
      return undefined;
    },
  );
  await addAsOthersDo({}, { attempts: 1 });
  await waitFor('the job', () => consumer.completed() === 1);
  expect(own.errors.map(({ message }) => message)).toEqual(['not now']);
});

/** A job that another producer may have written. */
async function addRaw(fields: Record<string, string>, data: unknown = {}): Promise<void> {
  const queue = new Queue('resolve', { connection: { url: own.server.url } });
  await queue.pause();
  const { id } = await queue.add('resolve', data);
  await own.client.hset(`bull:resolve:${id}`, fields);
  await queue.resume();
  await queue.close();
}

test('a job without a plausible timestamp counts as added when it is read', async () => {
  const times: number[] = [];
  const consumer = consume(async ({ timestampMs }) => {
    times.push(timestampMs);
    return 'done';
  });
  await addRaw({ timestamp: 'soon' });
  await addRaw({ timestamp: `${Number.MAX_SAFE_INTEGER}` });
  await waitFor('both jobs', () => consumer.completed() === 2);
  for (const ms of times) expect(Math.abs(ms - Date.now())).toBeLessThan(60_000);
});

test('a job keeps its count of failures, also over a retry that reports none', async () => {
  const seen: Array<[started: number, failures: number]> = [];
  const consumer = consume(async ({ started, failures }) => {
    seen.push([started, failures]);
    if (started === 1) return { retryInMs: 10, failures: 1 };
    return started < 4 ? { retryInMs: 10 } : 'done';
  });
  await addAsOthersDo({});
  await waitFor('the job', () => consumer.completed() === 1);
  expect(seen).toEqual([
    [1, 0],
    [2, 1],
    [3, 1],
    [4, 1],
  ]);
});

test('a job is given up when it throws for the twentieth time', async () => {
  const givenUp: string[] = [];
  const consumer = consume(
    async () => 'done',
    1,
    () => {
      throw new RangeError('Invalid time value');
    },
    async (job, error) => {
      givenUp.push(`${job.failures} ${error.message}`);
    },
  );
  await addRaw({ progress: '{"failures":19}' });
  await waitFor('the job', () => consumer.completed() === 1);
  expect(givenUp).toEqual(['19 Invalid time value']);
});

test('data that can be neither handled nor parked are replaced', async () => {
  consume(
    async () => {
      throw new Error('a bug');
    },
    1,
    undefined,
    async () => {
      throw new TypeError('another bug');
    },
  );
  await addRaw({ progress: '{"failures":19}' }, { secret: 'word' });
  const data = async () => {
    const [key] = (await own.client.keys('bull:resolve:1')).concat('');
    return own.client.hget(key ?? '', 'data');
  };
  await waitFor('the data to be replaced', async () => (await data()) === '{"removed":true}');
});

test('a job is handled once with its data, and no key of it is left', async () => {
  const seen: IncomingJob[] = [];
  const consumer = consume(async (job) => {
    seen.push(job);
    return 'done';
  });
  const jobs = Array.from({ length: 200 }, (_, n) =>
    resolveJobOf(message({ externalChatId: String(n) })),
  );
  await newProducer().addResolve(jobs);
  await waitFor('all jobs', () => consumer.completed() === 200);
  const counted = jobs.map((job) => ({ ...job, counted: true }));
  expect(seen.map(({ data }) => data)).toEqual(expect.arrayContaining(counted));
  expect(seen).toHaveLength(200);
  expect(seen[0]).toMatchObject({ name: 'resolve', started: 1 });
  expect(await keysOf('resolve')).toEqual([]);
  expect(own.errors).toEqual([]);
});

test('a job that throws or asks for a retry is retried, whatever its attempts option says', async () => {
  const started: number[] = [];
  const consumer = consume(async (job) => {
    started.push(job.started);
    if (job.started === 1) return { retryInMs: 50 };
    if (job.started === 2) throw new Error('not now');
    return 'done';
  });
  await newProducer().addResolve([resolveJobOf(message())]);
  await waitFor('the third try', () => consumer.completed() === 1);
  expect(started).toEqual([1, 2, 3]);
  expect(own.errors.map(String)).toEqual(['Error: not now']);
});

test('an idle consumer goes on after FLUSHALL', async () => {
  const consumer = consume(async () => 'done');
  await waitFor('the consumer to wait', own.isIdle);
  await own.client.flushall();
  await newProducer().addResolve([resolveJobOf(message())]);
  await waitFor('the job', () => consumer.completed() === 1, { deadlineMs: 1000 });
});

test('a job in hand during FLUSHALL is reported, and the next one is handled', async () => {
  const producer = newProducer();
  const began = gate();
  const end = gate();
  const consumer = consume(async () => {
    began.resolve();
    await end.promise;
    return 'done';
  }, 1);
  await producer.addResolve([resolveJobOf(message())]);
  await began.promise;
  await own.client.flushall();
  end.resolve();
  await waitFor('the report', () => own.errors.some(({ message }) => /Missing/.test(message)));
  await producer.addResolve([resolveJobOf(message())]);
  await waitFor('the next job', () => consumer.completed() === 1);
});

test('a consumer and a producer go on by themselves after an outage', async () => {
  const producer = newProducer();
  const waiting = consume(async () => 'done');
  await waitFor('the consumer to wait', own.isIdle);
  await own.stop();
  await waitFor('the outage to be noticed', () => own.errors.length > 0);
  await own.start();
  await addUntilTaken(producer);
  await waitFor('the job', () => waiting.completed() === 1);
  expect(waiting.isRunning()).toBe(true);
});

test('a job that ends during an outage is completed after it', async () => {
  const producer = newProducer();
  const began = gate();
  const end = gate();
  const consumer = consume(async () => {
    began.resolve();
    await end.promise;
    return 'done';
  });
  await producer.addResolve([resolveJobOf(message())]);
  await began.promise;
  await own.client.call('WAITAOF', 1, 0, 2000).catch(() => undefined);
  await own.stop();
  end.resolve();
  await own.start();
  await waitFor('the job to be gone', async () => (await keysOf('resolve')).length === 0);
  await waitFor('the count', () => consumer.completed() === 1);
});

test('closing waits for the jobs in hand and takes no new ones', async () => {
  const producer = newProducer();
  const began = gate();
  const end = gate();
  const consumer = consume(async () => {
    began.resolve();
    await end.promise;
    return 'done';
  }, 1);
  await producer.addResolve([resolveJobOf(message()), resolveJobOf(message())]);
  await began.promise;
  const closed = consumer.close(10_000);
  end.resolve();
  expect(await within('closing', 5000, closed)).toBe(true);
  expect(consumer.completed()).toBe(1);
  expect(await producer.backlog()).toMatchObject({ waiting: 1, active: 0 });
});

test('a paused consumer finishes the jobs in hand and takes no others', async () => {
  const producer = newProducer();
  const began = gate();
  const end = gate();
  const consumer = consume(async () => {
    began.resolve();
    await end.promise;
    return 'done';
  }, 1);
  await producer.addResolve([resolveJobOf(message()), resolveJobOf(message())]);
  await began.promise;
  await consumer.pause();
  end.resolve();
  await waitFor('the job in hand', () => consumer.completed() === 1);
  await waitFor('the end of the run', () => !consumer.isRunning());
  expect((await producer.backlog()).waiting).toBe(1);
});

test('at the deadline jobs are aborted and go back to the queue', async () => {
  const producer = newProducer();
  const began = gate();
  const consumer = consume(async (_job, signal) => {
    began.resolve();
    await whenAborted(signal);
    return { retryInMs: 0 };
  });
  await producer.addResolve([resolveJobOf(message())]);
  await began.promise;
  expect(await within('closing', 1500, consumer.close(100))).toBe(false);
  const { waiting, delayed, active } = await producer.backlog();
  expect({ unfinished: waiting + delayed, active }).toEqual({ unfinished: 1, active: 0 });
});

test('closing never hangs: on an endless job, without Redis, or with a frozen Redis', async () => {
  const producer = newProducer();
  const began = gate();
  const stuck = consume(() => {
    began.resolve();
    return new Promise(() => undefined);
  });
  await producer.addResolve([resolveJobOf(message())]);
  await began.promise;
  expect(await within('closing the stuck one', 1500, stuck.close(100))).toBe(false);

  const idle = consume(async () => 'done');
  const frozen = consume(async () => 'done');
  await waitFor('the consumers to wait', own.isIdle);
  process.kill(own.server.pid, 'SIGSTOP');
  try {
    await within('closing with a frozen Redis', 2000, frozen.close(500));
  } finally {
    process.kill(own.server.pid, 'SIGCONT');
  }
  await own.stop();
  try {
    await within('closing an idle one without Redis', 2000, idle.close(1000));
    const unconnected = consume(async () => 'done');
    await within('closing one that never met Redis', 2000, unconnected.close(1000));
  } finally {
    await own.start();
  }
});

test('a job that is too long is read neither by a worker nor after it was given up', async () => {
  const seen: unknown[] = [];
  const long = 'x'.repeat(5 * 1024 * 1024);
  const consumer = consume(async ({ data }) => {
    seen.push(String(data));
    return 'done';
  });
  await addAsOthersDo({ long });
  await waitFor('its end', () => consumer.completed() === 1);
  expect(seen).toEqual(['(5242891 characters)']);

  await own.client.hset('bull:resolve:deadly', { name: 'resolve', data: long, ats: 4 });
  await own.client.zadd('bull:resolve:failed', 1, 'deadly');
  const givenUp: string[] = [];
  await newProducer().collectGivenUp(async ({ id, data }) => void givenUp.push(`${id} ${data}`));
  expect(givenUp).toEqual(['deadly (5242880 characters)']);
  expect(await keysOf('resolve')).toEqual([]);
});

test('jobs that were given up are all read, whatever their data are', async () => {
  const data = { broken: '{"half', none: '', fine: '{"a":1}' };
  for (const [id, text] of Object.entries(data)) {
    await own.client.hset(`bull:resolve:${id}`, { name: 'resolve', data: text });
    await own.client.zadd('bull:resolve:failed', 1, id);
  }
  const seen = new Map<string, unknown>();
  await newProducer().collectGivenUp(async (job) => {
    seen.set(job.id, job.data);
    expect(Math.abs(job.timestampMs - Date.now())).toBeLessThan(10_000);
  });
  expect(Object.fromEntries(seen)).toEqual({ broken: '{"half', none: '', fine: { a: 1 } });
  expect(await keysOf('resolve')).toEqual([]);
});

test('a job of a dead worker is taken over, and one that kills every worker is given up', async () => {
  const producer = newProducer();
  const taken: string[] = [];
  const dying = consume((job) => {
    taken.push(job.id);
    return new Promise(() => undefined);
  });
  await producer.addResolve([resolveJobOf(message({ text: 'unlucky' }))]);
  await waitFor('the unlucky job', () => taken.length === 1);
  // It is kept although its producer asks BullMQ to remove it.
  await addAsOthersDo(resolveJobOf(message({ text: 'deadly' })), { removeOnFail: true });
  await waitFor('both jobs', () => taken.length === 2);
  await dying.close(0);
  for (const id of taken) await own.client.del(`bull:resolve:${id}:lock`);
  await own.client.hset(`bull:resolve:${taken[1]}`, 'stc', 3);

  const started: number[] = [];
  const heir = consume(async (job) => {
    started.push(job.started);
    return 'done';
  });
  await waitFor('the unlucky job', () => heir.completed() === 1, { deadlineMs: 12_000 });
  expect(started).toEqual([2]);
  const givenUp: Array<IncomingJob & { failedReason: string }> = [];
  await waitFor('the deadly job', () =>
    producer.collectGivenUp(async (job) => {
      givenUp.push(job);
    }),
  );
  expect(givenUp).toMatchObject([
    { id: taken[1], failedReason: expect.stringMatching(/stalled/), data: { v: 1 } },
  ]);
  expect(await producer.collectGivenUp(async () => undefined)).toBe(0);
  expect(await keysOf('resolve')).toEqual([]);
}, 20_000);
