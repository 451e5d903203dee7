import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FOR_LOOKUPS, resolveBatch } from '@contour/store';
import { openAsStore, type Pool } from '../../support/outside-pool.ts';
import type { Bench } from '../rig/bench.ts';
import { findPgbench } from '../rig/find-pgbench.ts';
import { recordSql } from '../rig/record-sql.ts';
import { messagesOf } from '../town/town.ts';

const execute = promisify(execFile);

const OPTIONS = { linkByPhone: true, shardCount: 16 };
/** As many connections as a worker resolves over. */
const CONNECTIONS = 2;

/** Connections as the worker has them. */
const connect = (url: string): Pool =>
  openAsStore({
    url,
    applicationName: 'contour-bench',
    max: CONNECTIONS,
    isForLookups: true,
    onError: () => undefined,
  });

export interface Lot {
  name: string;
  messages: number;
  batch: number;
}

function batchesOf(bench: Bench, { name, messages, batch }: Lot) {
  const mix = { lot: name, count: messages };
  const arrivals = messagesOf(bench.town, mix).map((message) => ({ message, phone: null }));
  return Array.from({ length: Math.ceil(messages / batch) }, (_, i) =>
    arrivals.slice(i * batch, (i + 1) * batch),
  );
}

type Batches = ReturnType<typeof batchesOf>;

/** Every connection resolves one batch after another. */
async function resolveAll(pool: Pool, batches: Batches): Promise<void> {
  const waiting = batches.values();
  const connection = async () => {
    for (const batch of waiting) await resolveBatch(pool, batch, OPTIONS);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
}

/** Rows a second with the resolver's code, in this process. */
export async function byResolver(bench: Bench, lot: Lot): Promise<number> {
  const batches = batchesOf(bench, lot);
  const pool = connect(await bench.servers.town(bench.town, 'resolver'));
  try {
    const startedAt = performance.now();
    await resolveAll(pool, batches);
    return lot.messages / ((performance.now() - startedAt) / 1000);
  } finally {
    await pool.end();
  }
}

async function recordAll(bench: Bench, lot: Lot): Promise<string[]> {
  const pool = connect(await bench.servers.town(bench.town, 'recording'));
  try {
    const batches = batchesOf(bench, lot);
    const shares = Array.from({ length: CONNECTIONS }, (_, i) =>
      batches.filter((_batch, place) => place % CONNECTIONS === i),
    );
    const scripts: string[] = [];
    for (const share of shares) {
      const { prepares, lines } = await recordSql(pool, async (listening) => {
        for (const batch of share) await resolveBatch(listening, batch, OPTIONS);
      });
      scripts.push([FOR_LOOKUPS, ...prepares, ...lines].map((line) => `${line};\n`).join(''));
    }
    return scripts;
  } finally {
    await pool.end();
  }
}

const msIn = (output: string) => Number(/latency average = ([\d.]+) ms/.exec(output)?.[1]);

/** Rows a second when pgbench runs the same statements over as many connections. */
export async function byPgbench(bench: Bench, lot: Lot): Promise<number> {
  const { command, env } = await findPgbench();
  const scripts = await recordAll(bench, lot);
  const url = await bench.servers.town(bench.town, 'pgbench');
  const folder = await mkdtemp(join(tmpdir(), 'contour-pgbench-'));
  try {
    const runs = await Promise.all(
      scripts.map(async (script, i) => {
        const file = join(folder, `${i}.sql`);
        await writeFile(file, script);
        const args = ['--no-vacuum', '--client=1', '--transactions=1', `--file=${file}`, url];
        return execute(command, args, { env });
      }),
    );
    return lot.messages / (Math.max(...runs.map(({ stdout }) => msIn(stdout))) / 1000);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
