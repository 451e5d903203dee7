import type { Backlog } from '@contour/queue/limits';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchBackPressure } from '../src/back-pressure.ts';

const ROOM: Backlog = { waiting: 0, delayed: 0, active: 0, memoryUsed: 10, memoryLimit: 100 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A watch whose looks see the given values, one after another. The last one is repeated. */
function watching(...looks: Array<Partial<Backlog> | Error>) {
  const backlog = async (): Promise<Backlog> => {
    const look = looks.length > 1 ? looks.shift() : looks[0];
    if (look instanceof Error) throw look;
    return { ...ROOM, ...look };
  };
  const watch = watchBackPressure({ backlog, maxBacklog: 5, onChange: () => undefined });
  const isOpen = () => {
    try {
      watch.check();
      return true;
    } catch {
      return false;
    }
  };
  return { isOpen, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms), close: watch.close };
}

test.for<[string, Partial<Backlog>, boolean]>([
  ['room', { waiting: 5 }, true],
  ['more waiting than may be', { waiting: 6 }, false],
  ['more waiting, delayed and active together', { waiting: 2, delayed: 2, active: 2 }, false],
  ['memory at nine tenths', { memoryUsed: 90 }, true],
  ['memory above nine tenths', { memoryUsed: 91 }, false],
  ['no limit of memory', { memoryUsed: 1_000, memoryLimit: 0 }, true],
])('with %s it is open: %s', async ([, backlog, open]) => {
  const watch = watching(backlog);
  await watch.pass(0);
  expect(watch.isOpen()).toBe(open);
  watch.close();
});

test('it opens again within a second once there is room', async () => {
  const watch = watching({ waiting: 6 }, {});
  await watch.pass(0);
  expect(watch.isOpen()).toBe(false);
  await watch.pass(1_000);
  expect(watch.isOpen()).toBe(true);
  watch.close();
});

test('one failed look does not close it, a second one does, and a good one opens it', async () => {
  const away = new Error('away');
  const watch = watching(away, away, {});
  await watch.pass(0);
  expect(watch.isOpen()).toBe(true);
  await watch.pass(200);
  expect(watch.isOpen()).toBe(false);
  await watch.pass(200);
  expect(watch.isOpen()).toBe(true);
  watch.close();
});
