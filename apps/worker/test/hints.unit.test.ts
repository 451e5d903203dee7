import { expect, test } from 'vitest';
import { createShardCalls } from '../src/hints.ts';
import { silent } from './unheard.ts';

function openCalls() {
  const log: string[] = [];
  const note = (what: string) => async (shards: readonly number[]) => {
    log.push(`${what} ${shards.join(' ')}`);
  };
  const calls = createShardCalls({
    producer: { ringDeliver: note('call'), wakeDeliver: note('wake') },
    bells: {
      listen: (shard) => void log.push(`listen ${shard}`),
      stopListening: async (shard) => void log.push(`stop ${shard}`),
    },
    logger: silent,
  });
  const listen = (shard: number) => calls.listen(shard, () => void log.push(`ring ${shard}`));
  return { calls, listen, log };
}

test('a call rings the shards that run here, and goes out for the others', () => {
  const { calls, listen, log } = openCalls();
  listen(1);
  calls.call([1, 2, 3]);
  calls.call([1]);
  expect(log).toEqual(['listen 1', 'ring 1', 'call 2 3', 'ring 1']);
});

test('a shard that does not run here is woken through the queue', () => {
  const { calls, listen, log } = openCalls();
  listen(1);
  calls.ringOrWake([1, 2]);
  calls.ringOrWake([1]);
  calls.ringOrWake([]);
  expect(log).toEqual(['listen 1', 'ring 1', 'wake 2', 'ring 1']);
});

test('a shard is subscribed once, and not rung after it stopped listening', async () => {
  const { calls, listen, log } = openCalls();
  listen(1);
  listen(1);
  await calls.stopListening(1);
  await calls.stopListening(1);
  calls.ring([1]);
  expect(log).toEqual(['listen 1', 'stop 1']);
});

test('a call that fails is only a lost hint', async () => {
  const fail = async () => Promise.reject(new Error('Redis is away'));
  const calls = createShardCalls({
    producer: { ringDeliver: fail, wakeDeliver: fail },
    bells: { listen: () => undefined, stopListening: async () => undefined },
    logger: silent,
  });
  calls.call([1]);
  calls.ringOrWake([1]);
  // An unhandled rejection would fail the run.
  await new Promise(setImmediate);
});
