import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

const PAGE = 'docs/faults.md';
const BEGIN = '<!-- table: begin -->';
const END = '<!-- table: end -->';

/** Writes the table of the last run, and its machine, between the marks of the page. */
export function writeFaultsPage(results) {
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${PAGE} lacks the marks around its table`);
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${tableOf(results)}\n\n${END}${after}`);
}

function tableOf(results) {
  const seeds = results.map(
    ({ seed, rows, seconds }) => `seed ${seed}: ${rows.length} rows, all green, ${seconds} s`,
  );
  const about = `Node ${process.versions.node}, ${cpus().length} cores. ${seeds.join('; ')}.`;
  const lines = [HEAD, HEAD.map(() => '---'), ...results.at(-1).rows.map(cellsOf)];
  return [about, '', ...lines.map((cells) => `| ${cells.join(' | ')} |`)].join('\n');
}

const HEAD = ['fault', 'injected how', 'load meanwhile', 'recovery', 'healthy p99', 'checker'];

const cellsOf = ({ area, name, record: { injected, load, outcome } }) => [
  `${area}: ${name}`,
  injected,
  load,
  `${outcome.recoverySeconds.toFixed(1)} s`,
  p99Of(outcome.neighbours),
  'empty',
];

const p99Of = (neighbours) =>
  neighbours === undefined
    ? ''
    : `${Math.round(neighbours.before.p99)} → ${Math.round(neighbours.during.p99)} ms`;
