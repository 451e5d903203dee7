import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Circuit, createBreaker, HELD, type Health } from '../src/breaker.ts';
import { deferred } from './fake-core.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => vi.useRealTimers());

function setUp() {
  const changes: Circuit[] = [];
  const breaker = createBreaker<Health>({
    judge: (health) => health,
    onChange: (circuit) => changes.push(circuit),
    threshold: 3,
    firstPauseMs: 1000,
    maxPauseMs: 4000,
  });
  const report = (health: Health) => breaker.run(async () => health);
  const open = async () => {
    for (let i = 0; i < 3; i++) await report('down');
  };
  const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);
  return { breaker, changes, report, open, pass };
}

describe('createBreaker', () => {
  test('opens after consecutive failures and turns away what comes then', async () => {
    const { breaker, changes, report, open } = setUp();
    await open();
    expect(breaker.state).toBe('open');
    expect(breaker.available()).toBe(false);
    expect(await report('up')).toBe(HELD);
    expect(changes).toEqual(['open']);
  });

  test('a success between failures starts the count again', async () => {
    const { breaker, report } = setUp();
    for (const health of ['down', 'down', 'up', 'down', 'down'] as const) await report(health);
    expect(breaker.state).toBe('closed');
  });

  test('an unknown ending between failures does not start the count again', async () => {
    const { breaker, report } = setUp();
    for (const health of ['down', 'down', 'unknown', 'down'] as const) await report(health);
    expect(breaker.state).toBe('open');
  });

  test('lets one probe pass when the pause is over, and no other beside it', async () => {
    const { breaker, report, open, pass } = setUp();
    await open();
    pass(1000);
    expect(breaker.available()).toBe(true);
    const { promise, resolve } = deferred<Health>();
    const probe = breaker.run(() => promise);
    expect(breaker.state).toBe('half_open');
    expect(breaker.available()).toBe(false);
    expect(await report('up')).toBe(HELD);
    resolve('up');
    expect(await probe).toBe('up');
    expect(breaker.state).toBe('closed');
    expect(breaker.available()).toBe(true);
  });

  test('the pause doubles with every failed probe up to its cap, and starts small again', async () => {
    const { breaker, report, open, pass } = setUp();
    await open();
    for (const pauseMs of [1000, 2000, 4000, 4000]) {
      pass(pauseMs - 1);
      expect(breaker.available()).toBe(false);
      pass(1);
      expect(await report('down')).toBe('down');
    }
    pass(4000);
    await report('up');
    await open();
    pass(1000);
    expect(breaker.available()).toBe(true);
  });

  test('a probe that learns nothing leaves the circuit open', async () => {
    const { breaker, report, open, pass } = setUp();
    await open();
    pass(1000);
    expect(await report('unknown')).toBe('unknown');
    expect(breaker.state).toBe('open');
    expect(breaker.available()).toBe(false);
  });

  test('a late failure of an earlier task lets no second probe in', async () => {
    const { breaker, report, open, pass } = setUp();
    const late = deferred<Health>();
    const probed = deferred<Health>();
    const earlier = breaker.run(() => late.promise);
    await open();
    pass(1000);
    const probe = breaker.run(() => probed.promise);
    late.resolve('down');
    await earlier;
    pass(60_000);
    expect(await report('up')).toBe(HELD);
    probed.resolve('up');
    await probe;
    expect(await report('up')).toBe('up');
    expect(breaker.state).toBe('closed');
  });
});
