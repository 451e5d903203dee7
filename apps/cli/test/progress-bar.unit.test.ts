import { expect, test } from 'vitest';
import { createProgressBar } from '../src/progress-bar.ts';

function bundle(isTTY: boolean) {
  const written: string[] = [];
  let now = 0;
  const out = { isTTY, write: (text: string) => written.push(text) };
  const progress = createProgressBar(out, () => now);
  const bar = {
    show: (done: number, total: number) => progress.show('Comparing', done, total),
    end: progress.end,
  };
  return { written, bar, pass: (ms: number) => (now += ms) };
}

test('redraws one line of a terminal, ten times a second at most', () => {
  const { written, bar, pass } = bundle(true);
  bar.show(0, 2_000);
  bar.show(500, 2_000);
  pass(100);
  bar.show(1_000, 2_000);
  bar.end();
  expect(written).toHaveLength(3);
  expect(written.every((text) => text.startsWith('\r'))).toBe(true);
  expect(written[1]).toContain('████████████░░░░░░░░░░░░ 50 %  1 000 of 2 000  0 s');
  expect(written.at(-1)?.endsWith('\n')).toBe(true);
});

test('writes whole lines to a log, and few of them', () => {
  const { written, bar, pass } = bundle(false);
  for (let second = 0; second < 25; second += 1) {
    bar.show(second, 25);
    pass(1_000);
  }
  bar.end();
  expect(written).toHaveLength(3);
  expect(written.every((text) => /^Comparing .*\n$/.test(text))).toBe(true);
});

test('writes nothing if no progress was shown', () => {
  const { written, bar } = bundle(false);
  bar.end();
  expect(written).toEqual([]);
});
