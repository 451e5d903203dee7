import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createShutdown } from '../src/shutdown.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function setUp() {
  const events: unknown[] = [];
  const log = (fields: object, message: string) => void events.push([message, fields]);
  const exits: number[] = [];
  const shutdown = createShutdown({
    timeoutMs: 10_000,
    logger: { info: log, error: log, fatal: log } as never,
    exit: (code) => void exits.push(code),
  });
  return { shutdown, exits, events };
}

const never = () => new Promise<void>(() => {});

describe('stop', () => {
  test('closes in reverse order, one after the other, and exits with 0', async () => {
    const { shutdown, exits } = setUp();
    const order: string[] = [];
    for (const name of ['store', 'queue', 'server']) {
      shutdown.add(name, async () => {
        order.push(`${name} closes`);
        await Promise.resolve();
        order.push(`${name} closed`);
      });
    }
    await shutdown.stop('done');
    expect(order).toEqual(
      ['server', 'queue', 'store'].flatMap((name) => [`${name} closes`, `${name} closed`]),
    );
    expect(exits).toEqual([0]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('continues after a closer that fails', async () => {
    const { shutdown, exits, events } = setUp();
    const closed = vi.fn();
    shutdown.add('first', closed);
    shutdown.add('rejects', () => Promise.reject(new Error('gone')));
    shutdown.add('throws', () => {
      throw new Error('gone');
    });
    await shutdown.stop('done');
    expect(closed).toHaveBeenCalledOnce();
    expect(exits).toEqual([0]);
    expect(events).toContainEqual([
      'process.close_failed',
      { closer: 'rejects', err: expect.any(Error) },
    ]);
  });

  test('aborts a closer while there is still time', async () => {
    const { shutdown, exits, events } = setUp();
    const closed = vi.fn();
    shutdown.add('store', closed);
    shutdown.add('consumers', (signal) => {
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    });
    void shutdown.stop('done');
    await vi.advanceTimersByTimeAsync(7999);
    expect(closed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(closed).toHaveBeenCalledOnce();
    expect(exits).toEqual([0]);
    expect(events.at(-1)).toEqual(['process.stopped', { reason: 'done', ms: 8000 }]);
  });

  test('does not wait for a closer that hangs, and exits in time', async () => {
    const { shutdown, exits, events } = setUp();
    const closed = vi.fn();
    shutdown.add('store', closed);
    shutdown.add('consumers', never);
    void shutdown.stop('done');
    await vi.advanceTimersByTimeAsync(8800);
    expect(closed).toHaveBeenCalledOnce();
    expect(exits).toEqual([]);
    await vi.advanceTimersByTimeAsync(700);
    expect(exits).toEqual([0]);
    const fields = { reason: 'done', ms: 9500, unclosed: ['consumers'] };
    expect(events.at(-1)).toEqual(['process.stopped_unclosed', fields]);
  });

  test('called twice closes once; the higher code counts', async () => {
    const { shutdown, exits } = setUp();
    const closed = vi.fn();
    shutdown.add('store', closed);
    await Promise.all([shutdown.stop('signal'), shutdown.stop('stuck', 1)]);
    expect(closed).toHaveBeenCalledOnce();
    expect(exits).toEqual([1]);
  });

  test('closes what a start that is still under way adds', async () => {
    const { shutdown } = setUp();
    const closed = vi.fn();
    shutdown.add('server', async () => shutdown.add('late', closed));
    await shutdown.stop('done');
    expect(closed).toHaveBeenCalledOnce();
  });
});

describe('install', () => {
  /** Calls our own listener alone: the test runner listens to the same process. */
  function install() {
    const bundle = setUp();
    const before = new Map(EVENTS.map((event) => [event, process.listeners(event as never)]));
    const uninstall = bundle.shutdown.install();
    onTestFinished(uninstall);
    const emit = (event: (typeof EVENTS)[number], ...given: unknown[]) => {
      const known: unknown[] = before.get(event) ?? [];
      const ours = process.listeners(event as never).filter((l) => !known.includes(l));
      expect(ours).toHaveLength(1);
      for (const listener of ours as ((...args: unknown[]) => void)[]) listener(...given);
    };
    return { ...bundle, uninstall, emit };
  }
  const EVENTS = ['SIGTERM', 'SIGINT', 'uncaughtException', 'unhandledRejection'] as const;

  test.each(['SIGTERM', 'SIGINT'] as const)('%s drains and ends with 0', async (signal) => {
    const { shutdown, exits, emit } = install();
    const closed = vi.fn();
    shutdown.add('server', closed);
    emit(signal, signal);
    await vi.advanceTimersByTimeAsync(0);
    expect(closed).toHaveBeenCalledOnce();
    expect(exits).toEqual([0]);
  });

  test('a second signal exits at once with 1; an echo of the first does not', async () => {
    const { shutdown, exits, emit } = install();
    shutdown.add('consumers', never);
    emit('SIGINT', 'SIGINT');
    await vi.advanceTimersByTimeAsync(50);
    emit('SIGTERM', 'SIGTERM');
    expect(exits).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([1]);
  });

  test.each(['uncaughtException', 'unhandledRejection'] as const)(
    '%s closes and ends with 1',
    async (event) => {
      const { shutdown, exits, events, emit } = install();
      const closed = vi.fn();
      shutdown.add('server', closed);
      const err = new Error('a bug');
      emit(event, err);
      await vi.advanceTimersByTimeAsync(0);
      expect(closed).toHaveBeenCalledOnce();
      expect(exits).toEqual([1]);
      expect(events[0]).toEqual(['process.crashed', { err, reason: event }]);
    },
  );

  test('its listeners can be removed', () => {
    const before = EVENTS.map((event) => process.listenerCount(event));
    install().uninstall();
    expect(EVENTS.map((event) => process.listenerCount(event))).toEqual(before);
  });
});
