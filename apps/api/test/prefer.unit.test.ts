import { expect, test } from 'vitest';
import { parsePrefer } from '../src/routes/resolve.ts';

const cases: Array<[string | string[] | undefined, object]> = [
  [undefined, { respondAsync: false }],
  ['', { respondAsync: false }],
  ['respond-async', { respondAsync: true }],
  ['Respond-ASYNC', { respondAsync: true }],
  ['respond-async, wait=5', { respondAsync: true, waitMs: 5000 }],
  ['wait=5,respond-async', { respondAsync: true, waitMs: 5000 }],
  ['Wait = "3" ; note=x , respond-async', { respondAsync: true, waitMs: 3000 }],
  [['return=minimal', 'respond-async', 'wait=1'], { respondAsync: true, waitMs: 1000 }],
  ['respond-async; x=1', { respondAsync: true }],
  ['respond-async, wait=0', { respondAsync: true, waitMs: 0 }],
  ['wait=10', { respondAsync: false, waitMs: 10_000 }],
  ['wait=2, wait=9', { respondAsync: false, waitMs: 2000 }],
  ['respond-async, wait=soon', { respondAsync: true }],
  ['respond-async, wait=-1', { respondAsync: true }],
  ['note="respond-async, wait=5"', { respondAsync: false }],
  ['respond-asynchronously', { respondAsync: false }],
  [`respond-async${','.repeat(1000)}`, { respondAsync: false }],
];

test.for(cases)('Prefer: %j is %o', ([header, preference]) => {
  expect(parsePrefer(header)).toEqual(preference);
});
