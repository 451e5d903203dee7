import { AppError, type DlqEntry, type Outcome } from '@contour/contract';
import type { IncomingJob } from '@contour/queue/jobs';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Dlq } from '../src/dlq/dlq.ts';
import { createHeldMessages } from '../src/failures.ts';
import { handleResolveJob } from '../src/resolve/handle-job.ts';
import { readJob } from '../src/roles/resolve.ts';

let now = 0;
let messageId = '';
let answer: () => Promise<Outcome>;
let parked: DlqEntry[];
const resolve = vi.fn(() => answer());
const held = createHeldMessages(() => now);

beforeEach(() => {
  now += 1_000_000;
  messageId = `message ${now}`;
  parked = [];
  resolve.mockClear();
});

const quiet = { debug() {}, info() {}, warn() {}, error() {} } as never;

const deps = {
  resolve,
  held,
  dlq: {
    park: async (entry: DlqEntry) => {
      parked.push(entry);
      return 'parked' as const;
    },
    read: async () => null,
    remove: async () => true,
  },
  revive: async () => ({ isKnown: false, hasLeft: false }),
  ownerOf: async () => null,
  reply: async () => 1,
  forgetQueued: () => undefined,
  countDownWaiting: () => undefined,
  logger: quiet,
};

const job = (over: Partial<IncomingJob> = {}): IncomingJob => ({
  id: 'job',
  name: 'resolve',
  timestampMs: 1_700_000_000_000,
  started: 1,
  failures: 0,
  data: {
    channel: 'telegram',
    bot_token: 'a-credential-of-some-length',
    external_chat_id: '1',
    text: 'hello',
    message_ids: [messageId],
  },
  ...over,
});

const handleBy = (some: Partial<Parameters<typeof handleResolveJob>[0]>, one: IncomingJob) =>
  handleResolveJob({ ...deps, ...some }, one, readJob(one.data, new Date(one.timestampMs), 'UTC'));

const handle = (over: Partial<IncomingJob> = {}) => handleBy({}, job(over));

const failWith = (code: AppError['code']) => {
  answer = () => Promise.reject(new AppError(code, 'no', undefined));
};

test('a message that fails for a reason of its own rests longer each time, and is parked after twenty failures', async () => {
  failWith('postgres_busy');
  const rests: number[] = [];
  for (let failures = 0; failures < 19; failures += 1) {
    const end = await handle({ failures });
    expect(end).toMatchObject({ failures: failures + 1 });
    rests.push((end as { retryInMs: number }).retryInMs);
    now += 60_000;
  }
  const longest = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
  for (const [i, ms] of longest.entries()) {
    expect(rests[i]).toBeGreaterThanOrEqual(ms / 2);
    expect(rests[i]).toBeLessThanOrEqual(ms);
  }
  expect(parked).toEqual([]);
  expect(await handle({ failures: 19, started: 40 })).toBe('done');
  expect(parked).toMatchObject([{ reason: 'stalled', attempts: 40 }]);
});

test.each(['postgres_unavailable', 'redis_unavailable', 'not_tried'] as const)(
  'a job that ends with %s is retried, and no failure is counted',
  async (code) => {
    failWith(code);
    const end = await handle({ failures: 19, started: 1_000 });
    expect(end).toEqual({ retryInMs: expect.any(Number) });
    expect((end as { retryInMs: number }).retryInMs).toBeLessThanOrEqual(1_000);
    expect(parked).toEqual([]);
  },
);

test('a duplicate of a message that rests is not tried earlier than the message', async () => {
  failWith('unexpected');
  const { retryInMs } = (await handle({ failures: 2 })) as { retryInMs: number };
  now += 100;
  expect(await handle({ id: 'duplicate' })).toEqual({ retryInMs: retryInMs - 100 });
  expect(resolve).toHaveBeenCalledTimes(1);
  now += retryInMs - 100;
  answer = async () => ({ kind: 'resolved', receipt: {} as never });
  expect(await handle({ id: 'duplicate' })).toBe('done');
});

describe('a refused message', () => {
  const refuse = async (over: {
    outcome?: Outcome;
    waitMs?: number;
    parkMs?: number;
    heardBy?: number;
  }) => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    onTestFinished(() => void vi.useRealTimers());
    answer = async () => over.outcome ?? { kind: 'unknown_tenant' };
    const wasRefused: boolean[] = [];
    const park: Dlq['park'] = async (_, how) => {
      wasRefused.push(how?.wasRefused ?? false);
      vi.setSystemTime(Date.now() + (over.parkMs ?? 0));
      return 'parked';
    };
    const { data, ...rest } = job();
    const reading = readJob(data, new Date(), 'UTC');
    if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
    const reply = { to: 'api', requestId: 'request', untilMs: Date.now() + (over.waitMs ?? 100) };
    await handleBy(
      { dlq: { ...deps.dlq, park }, reply: async () => over.heardBy ?? 1 },
      { ...rest, data: { v: 1, message: reading.message, reply } },
    );
    return wasRefused;
  };

  test('of an unknown account is parked as refused if its sender gets the answer', async () => {
    expect(await refuse({})).toEqual([true]);
  });

  test('of an unknown account is parked as accepted if its sender took it for queued meanwhile', async () => {
    expect(await refuse({ parkMs: 200 })).toEqual([true, false]);
  });

  test('of an unknown account is parked once, as accepted, if no sender waits for the reply any more', async () => {
    expect(await refuse({ waitMs: -1 })).toEqual([false]);
    expect(await refuse({ waitMs: -1, heardBy: 0 })).toEqual([false]);
  });

  test('of an unknown account is parked as accepted if the process of its sender has gone', async () => {
    expect(await refuse({ heardBy: 0 })).toEqual([true, false]);
  });

  test('with another fault is parked, as accepted, only if no sender learns of it', async () => {
    const outcome: Outcome = { kind: 'invalid', faults: [] };
    expect(await refuse({ outcome })).toEqual([]);
    expect(await refuse({ outcome, heardBy: 0 })).toEqual([false]);
    expect(await refuse({ outcome, waitMs: -1 })).toEqual([false]);
  });
});

test('a replay whose entry is gone resolves nothing for another tenant that has the credential now', async () => {
  answer = async () => ({ kind: 'resolved', receipt: {} as never });
  const reading = readJob(job().data, new Date(), 'UTC');
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  const { message } = reading;
  const replayBy = (owner: string) =>
    handleBy(
      { ownerOf: async () => owner },
      job({ data: { v: 1, message, replayOf: messageId, replayFor: 'tenant' } }),
    );
  expect(await replayBy('another')).toBe('done');
  expect(resolve).not.toHaveBeenCalled();
  expect(parked).toEqual([]);
  expect(await replayBy('tenant')).toBe('done');
  expect(resolve).toHaveBeenCalledTimes(1);
});

test('a replay removes the entry of its message once: with the message’s revival, or by its version', async () => {
  const remove = vi.fn(async () => true);
  const replayed = {
    version: '7',
    entry: { tenantId: 'tenant', stage: 'deliver', clientId: 'client', dialogId: 'dialog' },
  };
  const dlq = { ...deps.dlq, remove, read: async () => replayed as never };
  const reading = readJob(job().data, new Date(), 'UTC');
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  const replay = (hasLeft: boolean) =>
    handleBy(
      { dlq, revive: async () => ({ isKnown: true, hasLeft }) },
      job({ data: { v: 1, message: reading.message, replayOf: messageId } }),
    );
  expect(await replay(true)).toBe('done');
  expect(remove).not.toHaveBeenCalled();
  expect(await replay(false)).toBe('done');
  expect(remove.mock.calls).toEqual([[messageId, '7']]);
});
