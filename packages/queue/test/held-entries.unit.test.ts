import { expect, test } from 'vitest';
import { createHeldEntries } from '../src/streams/held-entries.ts';

function scene() {
  const clock = { now: 0 };
  const held = createHeldEntries(() => clock.now);
  const hold = (id: string, chat: string, deliveries = 1, counts = true) =>
    held.hold([{ id, chat, deliveries, counts }]);
  const due = (limit = 100) => held.due(limit).map(({ id }) => id);
  return { clock, held, hold, due };
}

test('the delay of an entry doubles with each delivery that counts', () => {
  const { clock, held, hold } = scene();
  const rests = [1, 2, 3, 4, 5, 6, 7].map((deliveries) => {
    hold('1', 'a', deliveries);
    const rest = held.nextInMs();
    clock.now += rest;
    return rest;
  });
  expect(rests).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

test('an entry joins its chat, in order, without delaying the next try', () => {
  const { clock, held, hold, due } = scene();
  hold('1', 'a', 3);
  clock.now = 3_000;
  hold('2', 'a', 0, false);
  hold('3', 'b', 0, false);
  expect(held.nextInMs()).toBe(1_000);
  expect(held.chats()).toEqual(new Set(['a', 'b']));
  clock.now = 4_000;
  expect(due()).toEqual(['1', '2', '3']);
  expect(due(2)).toEqual(['1', '2']);
});

test('an entry that fails again keeps its place, and one that has ended is removed', () => {
  const { clock, held, hold, due } = scene();
  hold('1', 'a');
  hold('2', 'a', 0, false);
  clock.now = 1_000;
  hold('1', 'a', 2);
  hold('2', 'a', 0, false);
  expect(due()).toEqual([]);
  clock.now = 3_000;
  expect(due()).toEqual(['1', '2']);
  held.remove(['1']);
  expect(due()).toEqual(['2']);
  held.remove(['2', 'unknown']);
  expect([held.size, held.nextInMs()]).toEqual([0, Number.POSITIVE_INFINITY]);
});
