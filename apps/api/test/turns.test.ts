import { expect, test } from 'vitest';
import { createTurns } from '../src/turns.ts';

test('other work is done between two turns, and turns come in the order of their asking', async () => {
  const turn = createTurns();
  const done: string[] = [];
  const works = ['a', 'b'].map((name) => turn().then(() => done.push(name)));
  setImmediate(() => {
    done.push('other work');
    setImmediate(() => done.push('more of it'));
  });
  await Promise.all(works);
  expect(done).toEqual(['other work', 'a', 'more of it', 'b']);
});
