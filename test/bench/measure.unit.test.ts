import { expect, test } from 'vitest';
import { inPairs } from './measure/pairs.ts';
import { median, quantile, spreadOf } from './measure/stats.ts';
import { linePlot } from './report/line-plot.ts';
import { goalLines } from './report/lines.ts';
import type { Results } from './report/results.ts';

test('the median of an even number of values lies between the two in the middle', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([3, 1, 2])).toBe(2);
});

test('the 99th percentile of a hundred values is the largest', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect(quantile(values, 0.99)).toBe(100);
  expect(quantile(values, 0.5)).toBe(51);
  expect(spreadOf(values)).toEqual({ median: 50.5, least: 1, most: 100 });
});

test('pairs are measured A B, B A, A B: the order alternates', async () => {
  const order: string[] = [];
  const run = (name: string) => async () => {
    order.push(name);
    return name;
  };
  const pairs = await inPairs(3, run('a'), run('b'));
  expect(order.join('')).toBe('abbaab');
  expect(pairs).toEqual(Array.from({ length: 3 }, () => ({ a: 'a', b: 'b' })));
});

const figure = (value: number) => ({ median: value, least: value, most: value, unit: '', of: 5 });

test('a figure that misses its goal is marked, for goals of both kinds', () => {
  const results: Results = {
    commit: 'abc',
    machine: 'one',
    ratios: {},
    figures: {
      resolve_vs_noop: figure(0.5),
      streams_vs_http: figure(2.5),
      cpu_us_http: figure(500),
    },
    audit: 'clean',
  };
  const marks = goalLines(results).map((line) => line.slice(0, 20).trim());
  expect(marks).toEqual(['✓ resolve_vs_noop', '✗ streams_vs_http', '✗ cpu_us_http']);
});

test('a plot has every point of every line, within its frame', () => {
  const svg = linePlot({
    title: 'T',
    xLabel: 'x',
    yLabel: 'y',
    lines: [
      {
        name: 'one',
        points: [
          [1, 10],
          [2, 37],
        ],
      },
    ],
  });
  expect(svg.match(/<circle/g)).toHaveLength(2);
  const heights = [...svg.matchAll(/cy="([\d.]+)"/g)].map(([, y]) => Number(y));
  expect(Math.min(...heights)).toBeGreaterThanOrEqual(50);
  expect(Math.max(...heights)).toBeLessThanOrEqual(300);
});
