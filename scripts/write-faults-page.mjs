import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

const PAGE = 'docs/faults.md';
const BEGIN = '<!-- table: begin -->';
const END = '<!-- table: end -->';

/** Puts the table of the last run between the two marks of the page, with what it was run on. */
export function writeFaultsPage(results) {
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${PAGE} has lost the marks around its table`);
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${tableOf(results)}\n\n${END}${after}`);
}

function tableOf(results) {
  const { rows } = results.at(-1);
  const seeds = results.map(({ seed, rows, seconds }) => {
    const green = rows.filter(({ passed }) => passed).length;
    return `seed ${seed}: ${green} of ${rows.length} green, ${seconds} s`;
  });
  const about = `Node ${process.versions.node}, ${cpus().length} cores. ${seeds.join('; ')}.`;
  return [about, '', line(HEAD), line(HEAD.map(() => '---')), ...sorted(rows).map(asLine)].join(
    '\n',
  );
}

const HEAD = ['fault', 'injected how', 'load meanwhile', 'recovery', 'checker'];

function asLine({ area, name, passed, record: { injected, load, outcome } }) {
  const recovery = outcome === undefined ? '–' : `${outcome.recoverySeconds.toFixed(1)} s`;
  const found = outcome === undefined ? 'not reached' : outcome.violations.length || 'empty';
  return line([
    `${area}: ${name}`,
    injected,
    load,
    recovery,
    passed ? found : `**failed**, ${found}`,
  ]);
}

const line = (parts) => `| ${parts.join(' | ')} |`;
const sorted = (rows) => [...rows].sort((a, b) => (a.area < b.area ? -1 : a.area > b.area ? 1 : 0));
