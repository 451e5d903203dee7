import { expect, test } from 'vitest';
import { readBeat } from '../src/tail.ts';

const beat = { v: 1, id: 'one', process: 'api', counts: [['tenant', 'accepted', 2]] };

test('a beat is read', () => {
  expect(readBeat(JSON.stringify(beat))).toEqual(beat);
});

test.each([
  ['text', 'hello'],
  ['another version', JSON.stringify({ ...beat, v: 2 })],
  ['a beat without counts', JSON.stringify({ ...beat, counts: null })],
])('%s on the channel is ignored', (_, text) => {
  expect(readBeat(text)).toBeUndefined();
});
