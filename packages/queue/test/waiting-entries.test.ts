import { type DlqEntry, fingerprintOf } from '@contour/contract';
import { expect, test } from 'vitest';
import { createDlq, type Dlq } from '../src/index.ts';
import { ownRedis } from './redis.ts';
import { entry, message } from './samples.ts';

const own = ownRedis();

const newDlq = (): Dlq =>
  own.closing(
    createDlq({ redisUrl: own.server.url, onError: own.onError, maxParkedPerAccount: 1000 }),
  );

const account = { channel: 'telegram', fingerprint: fingerprintOf('first') } as const;

async function evals(): Promise<number> {
  const stats = await own.client.info('commandstats');
  return Number(/cmdstat_eval:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

async function waitingIds(dlq: Dlq): Promise<string[]> {
  const { entries } = await dlq.waiting.read(account, null);
  return entries.map(({ entry: { id } }) => id);
}

test('what was parked before there were notes is noted by the page', async () => {
  const dlq = newDlq();
  const parked: DlqEntry[] = Array.from({ length: 60 }, () => entry());
  for (const each of parked) await dlq.park(each);
  await own.client.del(`contour:dlq:waiting:${account.channel}:${account.fingerprint}`);
  await own.client.del('contour:dlq:waiting');
  const before = await evals();
  await dlq.waiting.noteAll();
  expect((await evals()) - before).toBeLessThan(10);
  expect(await waitingIds(dlq)).toEqual(parked.map(({ id }) => id));
  expect((await dlq.waiting.accounts('0')).accounts).toEqual([account]);
});

test('an entry does not forget whose it is when a copy comes whose account nobody knows', async () => {
  const dlq = newDlq();
  const sent = message({ text: '"tenantId":null' });
  const theirs = entry({ message: sent, reason: 'tenant_disabled', tenantId: 'tenant' });
  await dlq.park(theirs);
  await dlq.park(entry({ message: sent, attempts: 2 }));
  expect(await dlq.get(theirs.id)).toEqual({
    ...entry({ message: sent, attempts: 2 }),
    tenantId: 'tenant',
  });
  await dlq.park(entry({ message: sent, reason: 'tenant_disabled', tenantId: 'another' }));
  expect(await dlq.get(theirs.id)).toMatchObject({ tenantId: 'another' });
});
