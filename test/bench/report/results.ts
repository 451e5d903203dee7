import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GOALS } from '../goals.ts';
import type { Spread } from '../measure/stats.ts';

const FILE = fileURLToPath(new URL('../../../bench/results/latest.json', import.meta.url));

export interface Figure extends Spread {
  unit: string;
  /** How many runs, or pairs, there were. */
  of: number;
}

export interface Results {
  commit: string;
  machine: string;
  /** The medians of figures with a goal. */
  ratios: Record<string, number>;
  figures: Record<string, Figure>;
  /** A run whose audit is not clean has no figure. */
  audit: 'clean';
}

const git = (...args: string[]) => execFileSync('git', args).toString().trim();

/** Uncommitted changes make another program: its figures are not those of the commit. */
function commitOf(): string {
  const commit = git('rev-parse', '--short', 'HEAD');
  const changes = git('status', '--porcelain', '--', 'apps', 'packages', 'test');
  return changes === '' ? commit : `${commit}, changed`;
}

function machineOf(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${first?.model.trim()}, ${memory} GiB, Node ${process.versions.node}`;
}

/** The results of an earlier run of the same commit on the same machine. */
function earlier(commit: string, machine: string): Record<string, Figure> {
  try {
    const kept = JSON.parse(readFileSync(FILE, 'utf8')) as Results;
    return kept.commit === commit && kept.machine === machine ? kept.figures : {};
  } catch {
    return {};
  }
}

/** Merges the results with those of earlier runs of the same program, if they are kept. */
export function resultsOf(figures: Record<string, Figure>, isKept: boolean): Results {
  const [commit, machine] = [commitOf(), machineOf()];
  const all = { ...(isKept ? earlier(commit, machine) : {}), ...figures };
  const ratios = Object.keys(GOALS).flatMap((name) => {
    const figure = all[name];
    return figure === undefined ? [] : [[name, Number(figure.median.toPrecision(4))] as const];
  });
  return { commit, machine, ratios: Object.fromEntries(ratios), figures: all, audit: 'clean' };
}

export function keepResults(results: Results): void {
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(results, null, 2)}\n`);
}
