import { describe, expect, test } from 'vitest';
import { createCircuits, type Health, type Pass } from '../src/circuits.ts';

/** Circuits with small numbers and a clock that the test moves: 4 failures open one, for 1 s, 2 s, 4 s, 4 s. */
function setUp({ quietMs = 0 } = {}) {
  const clock = { now: 0 };
  const changes: string[] = [];
  const circuits = createCircuits({
    threshold: 4,
    quietMs,
    firstPauseMs: 1000,
    maxPauseMs: 4000,
    probes: 2,
    now: () => clock.now,
    onChange: (state, tenantId) => changes.push(`${tenantId ?? 'all'} ${state}`),
  });
  const enter = (tenantId: string): Pass => {
    const pass = circuits.enter(tenantId);
    if (pass === undefined) throw new Error(`${tenantId} is held back`);
    return pass;
  };
  return {
    circuits,
    changes,
    enter,
    report: (tenantId: string, ...healths: Health[]) => {
      for (const health of healths) circuits.leave(enter(tenantId), health);
    },
    pass: (ms: number) => {
      clock.now += ms;
    },
    isHeld: (tenantId: string) => circuits.enter(tenantId) === undefined,
    roomOf: (tenantId: string) =>
      circuits.limits().rooms.find((one) => one.tenantId === tenantId)?.room,
  };
}

const DOWN = ['down', 'down', 'down', 'down'] as const;

describe('a tenant’s circuit', () => {
  test('opens after consecutive failures of that tenant, and holds no other tenant back', () => {
    const { circuits, changes, report, roomOf, isHeld } = setUp();
    report('a', ...DOWN);
    expect(isHeld('a')).toBe(true);
    expect(roomOf('a')).toBe(0);
    report('b', 'up');
    expect(circuits.available()).toBe(true);
    expect(circuits.limits()).toMatchObject({ total: Infinity, perTenant: Infinity });
    expect(changes).toEqual(['a open']);
  });

  test('counts from the tenant’s last success, and an unknown end changes nothing', () => {
    const { report, changes } = setUp();
    report('a', 'down', 'down', 'down', 'up', 'down', 'down', 'unknown', 'down');
    expect(changes).toEqual([]);
    report('a', 'down');
    expect(changes).toEqual(['a open']);
  });

  test('lets a few probes pass after its pause, and closes at the first success', () => {
    const { changes, report, enter, pass, isHeld, roomOf, circuits } = setUp();
    report('a', ...DOWN);
    pass(999);
    expect(isHeld('a')).toBe(true);
    pass(1);
    expect(roomOf('a')).toBe(2);
    const [one] = [enter('a'), enter('a')];
    expect(roomOf('a')).toBe(0);
    expect(isHeld('a')).toBe(true);
    circuits.leave(one as Pass, 'up');
    expect(changes).toEqual(['a open', 'a half_open', 'a closed']);
    expect(circuits.limits().rooms).toEqual([]);
    report('a', 'up', 'up', 'up');
  });

  test('pauses twice as long after each failed round up to its cap, and begins small again', () => {
    const { report, pass, isHeld } = setUp();
    report('a', ...DOWN);
    for (const pauseMs of [1000, 2000, 4000, 4000]) {
      pass(pauseMs - 1);
      expect(isHeld('a')).toBe(true);
      pass(1);
      report('a', 'down');
    }
    pass(4000);
    report('a', 'up', ...DOWN);
    pass(1000);
    report('a', 'up');
  });

  test('counts the failures of one round of probes once', () => {
    const { circuits, report, enter, pass, isHeld } = setUp();
    report('a', ...DOWN);
    pass(1000);
    const probes = [enter('a'), enter('a')];
    for (const probe of probes) circuits.leave(probe, 'down');
    pass(1999);
    expect(isHeld('a')).toBe(true);
    pass(1);
    report('a', 'up');
  });

  test('a probe with an unknown end makes room for another', () => {
    const { report, pass, roomOf } = setUp();
    report('a', ...DOWN);
    pass(1000);
    report('a', 'unknown', 'unknown', 'unknown');
    expect(roomOf('a')).toBe(2);
  });

  test('a failure from before the opening lengthens no pause, and a success from before it closes', () => {
    const { circuits, report, enter, pass, changes } = setUp();
    const [failing, taken] = [enter('a'), enter('a')];
    report('a', ...DOWN);
    circuits.leave(failing, 'down');
    pass(1000);
    circuits.leave(enter('a'), 'unknown');
    circuits.leave(taken, 'up');
    expect(changes).toEqual(['a open', 'a half_open', 'a closed']);
  });

  test('a probe from before the closing says nothing about the circuit that opens next', () => {
    const { circuits, report, enter, pass, changes, roomOf } = setUp();
    report('a', ...DOWN);
    pass(1000);
    const [late, closing] = [enter('a'), enter('a')];
    circuits.leave(closing, 'up');
    report('a', ...DOWN);
    circuits.leave(late, 'down');
    expect(changes).toEqual(['a open', 'a half_open', 'a closed', 'a open']);
    pass(1000);
    expect(roomOf('a')).toBe(2);
  });

  test('is the only one if a single tenant has something to send: nothing gets through then', () => {
    const { circuits, report, changes } = setUp();
    report('a', ...DOWN);
    expect(changes).toEqual(['a open']);
    expect(circuits.state()).toEqual({ isOpen: true, openTenants: 1 });
    report('b', 'up');
    expect(circuits.state()).toEqual({ isOpen: false, openTenants: 1 });
  });
});

describe('the common circuit', () => {
  test('opens on failures of several tenants without a success of any between', () => {
    const { circuits, changes, report, isHeld } = setUp();
    report('a', 'down', 'down', 'down');
    report('b', 'up', 'down');
    report('c', 'down', 'down');
    report('d', 'down');
    expect(changes).toEqual(['all open']);
    expect(circuits.available()).toBe(false);
    expect(isHeld('never seen')).toBe(true);
    expect(circuits.state()).toEqual({ isOpen: true, openTenants: 0 });
  });

  test('counts one tenant for no more than half, and not once its own circuit is open', () => {
    const { changes, report, pass } = setUp();
    report('a', ...DOWN);
    report('b', 'down');
    expect(changes).toEqual(['a open']);
    report('c', 'up');
    pass(1000);
    report('a', 'down');
    report('b', 'down', 'down');
    expect(changes).toEqual(['a open', 'a half_open', 'a open']);
    report('c', 'down', 'down');
    expect(changes.at(-1)).toBe('all open');
  });

  test('does not open on a burst of failures while others succeed, and opens once none does', () => {
    const { changes, report, pass } = setUp({ quietMs: 250 });
    report('well', 'up');
    report('a', 'down', 'down', 'down');
    pass(249);
    report('b', 'down', 'down', 'down');
    report('c', 'down');
    expect(changes).toEqual([]);
    pass(1);
    report('c', 'down');
    expect(changes).toEqual(['all open']);
  });

  function allDown() {
    const set = setUp();
    set.report('a', 'down', 'down');
    set.report('b', 'down', 'down');
    expect(set.changes).toEqual(['all open']);
    return set;
  }

  test('lets a few probes pass at a time, one per tenant, in turn', () => {
    const { circuits, enter, pass } = allDown();
    pass(1000);
    expect(circuits.limits()).toEqual({ total: 2, perTenant: 1, rooms: [] });
    const probes = [enter('a'), enter('b')];
    expect(circuits.available()).toBe(false);
    for (const probe of probes) circuits.leave(probe, 'down');
    pass(2000);
    const rooms = [
      { tenantId: 'a', room: 0 },
      { tenantId: 'b', room: 0 },
    ];
    expect(circuits.limits()).toEqual({ total: 2, perTenant: 1, rooms });
    circuits.leave(enter('c'), 'down');
    // Nothing is due of any other tenant: the round is over.
    expect(circuits.startRound()).toBe(true);
    expect(circuits.limits().rooms).toEqual([]);
    expect(circuits.startRound()).toBe(false);
  });

  test('closes at the first success of any, also of one that was sent before it opened', () => {
    const { circuits, report, enter, changes } = setUp();
    const sent = enter('c');
    report('a', 'down', 'down');
    report('b', 'down', 'down');
    circuits.leave(sent, 'up');
    expect(changes).toEqual(['all open', 'all closed']);
    expect(circuits.available()).toBe(true);
  });

  test('a tenant whose own circuit is open waits for its own probe when the common one closes', () => {
    const { report, pass, isHeld, changes, roomOf } = setUp();
    report('a', ...DOWN);
    report('b', 'down', 'down');
    pass(1000);
    report('c', 'up');
    expect(changes).toEqual(['a open', 'all open', 'all half_open', 'all closed']);
    expect(roomOf('a')).toBe(2);
    report('a', 'down');
    expect(isHeld('a')).toBe(true);
  });

  test('a probe that fails while all fail does not lengthen its tenant’s pause', () => {
    const { report, pass, roomOf } = setUp();
    report('a', ...DOWN);
    report('b', 'down', 'down');
    pass(1000);
    report('a', 'down');
    pass(2000);
    report('c', 'up');
    expect(roomOf('a')).toBe(2);
  });
});
