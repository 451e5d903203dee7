import { AppError } from '@contour/contract';
import type { Settlement } from '@contour/store/lanes';
import { expect, test, vi } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createSettler, type DialogPart } from '../src/deliver/settler.ts';
import { observers } from '../src/observers.ts';
import { silent } from './unheard.ts';

const refusal = () => new AppError('unexpected', 'a trigger refuses this message', undefined);

/** A settler that writes to memory. The test decides which writes fail. */
function openSettler() {
  const stop = new AbortController();
  const written: string[][] = [];
  const settled: number[] = [];
  const state = {
    failure: (_messageIds: readonly string[]): Error | undefined => undefined,
  };
  const settle = createSettler({
    async write({ attempts }: Settlement) {
      const messageIds = attempts.map(({ messageId }) => messageId);
      const failure = state.failure(messageIds);
      if (failure) throw failure;
      written.push(messageIds);
    },
    logger: silent,
    observer: observers({ settled: (attempts) => settled.push(attempts) }),
    stopping: stop.signal,
  });
  return { settle, written, settled, state, stop };
}

const partOf = (messageId: string, dialogId: string, tenantId = dialogId): DialogPart => ({
  dialogId,
  attempts: [{ tenantId, messageId, earlier: 0, status: 'delivered', error: null }],
});

/** Postgres refuses every statement with this message. */
const refuses = (messageId: string) => (ids: readonly string[]) =>
  ids.includes(messageId) ? refusal() : undefined;

test('the results of many dialogs are written in one statement', async () => {
  const { settle, written, settled } = openSettler();
  await Promise.all([settle(partOf('1', 'a')), settle(partOf('2', 'b')), settle(partOf('3', 'a'))]);
  expect(written).toEqual([['1', '2', '3']]);
  expect(settled).toEqual([3]);
});

test('a result that may wait goes with the next one that may not', async () => {
  const { settle, written } = openSettler();
  const first = settle(partOf('1', 'a'), { mayWait: true });
  await settle(partOf('2', 'b'));
  await first;
  expect(written).toEqual([['1', '2']]);
});

test('a refused mark is tried again beside the others, and later marks of its dialog wait', async () => {
  const { settle, written, state } = openSettler();
  state.failure = refuses('refused');
  const later: string[] = [];
  const refused = settle(partOf('refused', 'a')).then(() => later.push('refused'));
  const behind = settle(partOf('behind', 'a')).then(() => later.push('behind'));
  await Promise.all([settle(partOf('1', 'b')), settle(partOf('2', 'c'))]);
  await settle(partOf('3', 'b'));
  expect(written.flat().toSorted()).toEqual(['1', '2', '3']);
  expect(later).toEqual([]);

  state.failure = () => undefined;
  await Promise.all([refused, behind]);
  expect(later).toEqual(['refused', 'behind']);
  expect(written.slice(-2)).toEqual([['refused'], ['behind']]);
});

test('all marks of a tenant are written beside the others after a refusal', async () => {
  const { settle, written, state } = openSettler();
  state.failure = refuses('refused');
  const refused = settle(partOf('refused', 'a', 'tenant'));
  await settle(partOf('1', 'b'));
  await waitFor('the refusal', () => written.length === 1);
  await Promise.all([settle(partOf('2', 'c', 'tenant')), settle(partOf('3', 'd'))]);
  expect(written.slice(1).toSorted()).toEqual([['2'], ['3']]);
  state.failure = () => undefined;
  await refused;
});

test('a refused mark is given up when the process stops', async () => {
  const { settle, written, state, stop } = openSettler();
  state.failure = refuses('refused');
  const givenUp = vi.fn();
  settle(partOf('refused', 'a')).catch(givenUp);
  settle(partOf('behind', 'a')).catch(givenUp);
  await settle(partOf('1', 'b'));
  // With the process, the first mark is given up, and the one behind it is tried once more.
  state.failure = (ids) => (ids.includes('1') ? undefined : refusal());
  stop.abort();
  await waitFor('both marks to be given up', () => givenUp.mock.calls.length === 2);
  expect(written).toEqual([['1']]);
});

test('results wait while Postgres is away', async () => {
  const { settle, written, state } = openSettler();
  const failures = [new AppError('postgres_unavailable', 'away', undefined)];
  state.failure = () => failures.pop();
  await settle(partOf('1', 'a'));
  expect(written).toEqual([['1']]);
});
