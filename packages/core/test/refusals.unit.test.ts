import { describe, expect, test } from 'vitest';
import { classify, createRefusals } from '../src/classify.ts';

/** Attempts at messages on a clock that the test moves. */
function setUp() {
  const clock = { now: 100_000 };
  const logged: object[] = [];
  const refusals = createRefusals({
    now: () => clock.now,
    logger: { warn: (fields) => void logged.push(fields) },
  });
  const pass = (ms: number) => {
    clock.now += ms;
  };
  const send = (messageId: string) => {
    pass(1);
    const judge = refusals.begin(messageId);
    return (status: number, retryAfter?: string) => {
      const answer = { kind: 'status', status, retryAfter: retryAfter ?? null } as const;
      pass(1);
      return judge(answer, classify(answer, 0));
    };
  };
  return {
    refusals,
    logged,
    pass,
    send,
    attempt: (messageId: string, status: number, retryAfter?: string) =>
      send(messageId)(status, retryAfter),
  };
}

describe('a refusal that is about the way', () => {
  test.each([301, 302, 307, 308, 401, 403, 405, 407])(
    '%i waits for as long as Core accepts nothing, and is final once it has accepted another',
    (status) => {
      const { attempt, pass } = setUp();
      const waits = { outcome: 'postponed', code: `http_${status}` };
      expect(attempt('m', status)).toMatchObject(waits);
      for (let i = 0; i < 50; i++) {
        pass(15_000);
        expect(attempt('m', status)).toMatchObject(waits);
      }
      expect(attempt('other', 200)).toEqual({ outcome: 'delivered' });
      pass(1000);
      expect(attempt('m', status)).toEqual({ outcome: 'refused', code: `http_${status}` });
    },
  );

  test('is never final the first time, whatever Core has accepted before', () => {
    const { attempt } = setUp();
    attempt('other', 200);
    expect(attempt('m', 401)).toMatchObject({ outcome: 'postponed' });
    expect(attempt('m', 200)).toEqual({ outcome: 'delivered' });
    expect(attempt('m', 401)).toMatchObject({ outcome: 'postponed' });
  });

  test('is final in the end with more messages than are remembered, tried one after another', () => {
    const { attempt } = setUp();
    let waiting = Array.from({ length: 15_000 }, (_, at) => `m${at}`);
    for (let round = 0; round < 3; round += 1) {
      attempt('other', 200);
      waiting = waiting.filter((id) => attempt(id, 401).outcome !== 'refused');
    }
    expect(waiting).toHaveLength(0);
  });

  test('is forgotten after ten minutes if another message needs the room', () => {
    const { attempt, pass } = setUp();
    for (let at = 0; at < 10_000; at += 1) attempt(`gone${at}`, 401);
    pass(600_000);
    attempt('m', 401);
    attempt('other', 200);
    expect(attempt('m', 401)).toMatchObject({ outcome: 'refused' });
  });

  test('is not proven by a message that was sent before it came', () => {
    const { attempt, send, pass } = setUp();
    const answerLate = send('other');
    attempt('m', 401);
    answerLate(200);
    pass(1000);
    expect(attempt('m', 401)).toMatchObject({ outcome: 'postponed' });
  });

  test('is not final if the message was sent again before Core accepted another', () => {
    const { attempt, send } = setUp();
    attempt('m', 401);
    const answerLate = send('m');
    attempt('other', 200);
    expect(answerLate(401)).toMatchObject({ outcome: 'postponed' });
  });

  test('is final after Core has accepted a message of another worker', () => {
    const { attempt, refusals, pass } = setUp();
    attempt('m', 403);
    pass(5000);
    refusals.acceptedElsewhere(6000);
    expect(attempt('m', 403)).toMatchObject({ outcome: 'postponed' });
    pass(5000);
    refusals.acceptedElsewhere(1000);
    expect(attempt('m', 403)).toEqual({ outcome: 'refused', code: 'http_403' });
  });
});

test.each([
  [401, [1000, 2000, 4000, 5000, 5000]],
  [404, [1000, 2000, 4000, 8000, 15_000, 15_000]],
] as const)('what gets %i is tried again after %j ms at most', (status, delays) => {
  const { attempt } = setUp();
  for (const most of delays) {
    const end = attempt('m', status);
    const delayMs = 'delayMs' in end ? end.delayMs : 0;
    expect(delayMs).toBeGreaterThanOrEqual(most / 2);
    expect(delayMs).toBeLessThanOrEqual(most);
  }
});

describe('404 and 429', () => {
  test.each([404, 429])('%i costs no attempt while Core accepts nothing', (status) => {
    const { attempt, pass } = setUp();
    for (let i = 0; i < 20; i++) {
      expect(attempt('m', status)).toMatchObject({ outcome: 'postponed' });
      pass(15_000);
    }
    attempt('other', 200);
    expect(attempt('m', status)).toEqual({ outcome: 'retry', code: `http_${status}` });
    expect(attempt('m', status)).toMatchObject({ outcome: 'postponed' });
  });

  test('cost an attempt each once Core accepts others, except for the first', () => {
    const { attempt } = setUp();
    attempt('other', 200);
    expect(attempt('m', 404)).toMatchObject({ outcome: 'postponed' });
    for (let i = 0; i < 5; i++) {
      attempt('other', 200);
      expect(attempt('m', 404)).toEqual({ outcome: 'retry', code: 'http_404' });
    }
  });

  test('wait for as long as Core asks', () => {
    const { attempt } = setUp();
    expect(attempt('m', 429, '60')).toMatchObject({ outcome: 'postponed', delayMs: 60_000 });
  });
});

test.each([400, 408, 409, 413, 415, 422, 425, 500, 503])(
  '%i is judged as it is, whatever Core accepts',
  (status) => {
    const { attempt } = setUp();
    const kind = status === 408 || status === 425 || status >= 500 ? 'retry' : 'refused';
    expect(attempt('m', status)).toEqual({ outcome: kind, code: `http_${status}` });
  },
);

test('refusals are logged with status and count, at most once in 10 s', () => {
  const { attempt, logged, pass } = setUp();
  for (let i = 0; i < 5; i++) attempt(`m${i}`, 401);
  expect(logged).toEqual([{ status: 'http_401', count: 1 }]);
  pass(10_000);
  attempt('m', 307);
  expect(logged.slice(1)).toEqual([
    { status: 'http_401', count: 4 },
    { status: 'http_307', count: 1 },
  ]);
});

test('the latest accepted message counts from when it was sent', () => {
  const { refusals, send, attempt, pass } = setUp();
  expect(refusals.acceptedAgoMs()).toBeNull();
  const answerLate = send('a');
  pass(4000);
  answerLate(200);
  expect(refusals.acceptedAgoMs()).toBe(4001);
  attempt('b', 200);
  expect(refusals.acceptedAgoMs()).toBe(1);
});
