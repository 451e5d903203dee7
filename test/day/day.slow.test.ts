import { expect, inject, test } from 'vitest';
import { liveDay } from './live-day.ts';
import { judgementLines } from './measure/figure.ts';
import { SHORT_DAY, wholeDay } from './options.ts';

const asked = inject('day');
const options = asked === undefined ? SHORT_DAY : wholeDay(asked);
/** How long the start, the checks and the end may take in addition to the day. */
const BESIDE_MS = 10 * 60_000;
const timeout = options.lengthMs * 3 + BESIDE_MS;

test('a day with faults in every part breaks no promise and leaks nothing', {
  timeout,
}, async () => {
  const lines: string[] = [];
  const write = asked === undefined ? (line: string) => void lines.push(line) : console.log;
  const day = await liveDay(options, write);
  if (day.judgements.length > 0) write(`\n${judgementLines(day.judgements).join('\n')}`);
  write(`\n${day.messages} messages in ${day.hours} hours, ${day.findings.length} findings`);
  if (day.findings.length > 0) console.error(lines.join('\n'));
  expect(day.findings).toEqual([]);
  expect(day.judgements.filter(({ isFlat }) => isFlat === false)).toEqual([]);
});
