import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GOALS, isReached } from '../goals.ts';
import { linePlot } from './line-plot.ts';
import { goalOf, shown } from './lines.ts';
import type { Results } from './results.ts';

const DOCS = fileURLToPath(new URL('../../../docs/', import.meta.url));
const BEGIN = '<!-- table: begin -->';
const END = '<!-- table: end -->';

function tableOf(results: Results): string {
  const rows = Object.entries(GOALS).map(([name, goal]) => {
    const figure = results.figures[name];
    const cells =
      figure === undefined
        ? ['not measured', '']
        : [
            `${shown(figure.median)}${isReached(goal, figure.median) ? '' : ' ✗'}`,
            figure.of > 1 ? `${shown(figure.least)} … ${shown(figure.most)}` : '',
          ];
    return `| \`${name}\` | ${goal.of} | ${goalOf(goal)} | ${cells.join(' | ')} |`;
  });
  const others = Object.entries(results.figures)
    .filter(([name]) => GOALS[name] === undefined)
    .map(([name, { median, unit }]) => `| ${name} | ${shown(median)} ${unit} |`);
  return [
    `Commit ${results.commit} on ${results.machine}.`,
    '',
    '![Throughput against workers](throughput.svg) ![Latency against load](latency.svg)',
    '',
    '| figure | what it is | goal | median | range |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    '| what the figures are made of | median |',
    '|---|---|',
    ...others,
  ].join('\n');
}

/** The points of a plot, by the number in a figure's name. */
function pointsOf({ figures }: Results, pattern: RegExp): Array<readonly [number, number]> {
  return Object.entries(figures)
    .flatMap(([name, { median }]) => {
      const number = pattern.exec(name)?.[1];
      return number === undefined ? [] : [[Number(number), median] as const];
    })
    .sort(([a], [b]) => a - b);
}

function plotsOf(results: Results): Record<string, string> {
  return {
    'throughput.svg': linePlot({
      title: 'Throughput against workers',
      xLabel: 'workers',
      yLabel: 'messages a second, from the queue to Core’s 2xx',
      lines: [{ name: 'messages/s', points: pointsOf(results, /^per_second: (\d+) workers$/) }],
    }),
    'latency.svg': linePlot({
      title: 'Latency against load',
      xLabel: 'load, in % of the capacity',
      yLabel: 'ms from the moment at which it should be sent',
      lines: [
        { name: 'p50', points: pointsOf(results, /^p50_ms_at_(\d+)$/) },
        { name: 'p99', points: pointsOf(results, /^p99_ms_at_(\d+)$/) },
      ],
    }),
  };
}

/** Writes the table between the marks of docs/performance.md, and the plots into its folder. */
export function writePage(results: Results): void {
  const file = `${DOCS}performance.md`;
  const [before, rest] = readFileSync(file, 'utf8').split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${file} lacks the marks around its table`);
  writeFileSync(file, `${before}${BEGIN}\n\n${tableOf(results)}\n\n${END}${after}`);
  for (const [name, svg] of Object.entries(plotsOf(results))) writeFileSync(`${DOCS}${name}`, svg);
}
