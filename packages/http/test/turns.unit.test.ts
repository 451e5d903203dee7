import { expect, test } from 'vitest';
import { createTurns } from '../src/read-request.ts';

function workFor(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('turns come in the order of the calls, and other work is done between two', async () => {
  const turn = createTurns();
  const done: string[] = [];
  const works = ['a', 'b'].map((name) => turn().then(() => done.push(name)));
  setImmediate(() => done.push('other work'));
  await Promise.all(works);
  expect(done).toEqual(['a', 'other work', 'b']);
});

test('a turn is followed by a rest as long as its work', async () => {
  const turn = createTurns();
  const first = turn().then(() => {
    workFor(40);
    return performance.now();
  });
  const second = turn().then(() => performance.now());
  expect((await second) - (await first)).toBeGreaterThan(35);
});
