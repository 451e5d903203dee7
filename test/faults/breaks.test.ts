import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BREAKS as STATEMENT_BREAKS } from '../interleavings/breaks.ts';
import { BREAKS, ENDS_BEFORE_IT_HANDLES } from './breaks.ts';

const ROOT = join(import.meta.dirname, '../..');
const STORE = join(ROOT, 'packages/store/dist');

test('each of the first eight guarantees has a break', () => {
  const broken = new Set(BREAKS.map(({ guarantee }) => guarantee));
  expect([...broken].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

// Most breaks run with `npm run faults` only: here a change of the code they replace is noticed.
test.each([...BREAKS, ENDS_BEFORE_IT_HANDLES])(
  '$file has the code to replace once: $effect',
  ({ file, find }) => {
    expect(readFileSync(join(ROOT, file), 'utf8').split(find)).toHaveLength(2);
  },
);

test.each(STATEMENT_BREAKS.filter(({ find }) => find !== undefined))(
  'a statement of the store has the text to replace: $effect',
  ({ find = '' }) => {
    const flat = (text: string) => text.replaceAll(/\s+/g, ' ');
    const files = readdirSync(STORE, { recursive: true, encoding: 'utf8' });
    const texts = files
      .filter((file) => file.endsWith('.js'))
      .map((file) => flat(readFileSync(join(STORE, file), 'utf8')));
    expect(texts.some((text) => text.includes(flat(find)))).toBe(true);
  },
);
