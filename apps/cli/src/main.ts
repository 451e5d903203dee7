#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { createShutdown, EnvError, readEnv } from '@contour/runtime';
import { parseCommand, USAGE, UsageError } from './command.ts';
import { makeDemo } from './demo.ts';
import { databaseEnv, graphEnv, startEnv } from './env.ts';
import { type VerifyOrder, verifyGraph } from './graph/verify-graph.ts';
import { migrateDatabase } from './migrate.ts';
import { start } from './start/start.ts';
import { withDatabase } from './with-database.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const STOP_MS = 20_000;

const say = (line: string) => void process.stdout.write(`${line}\n`);
const complain = (line: string) => void process.stderr.write(`contour: ${line}\n`);

async function startUntilStopped(): Promise<void> {
  let stopping = false;
  const logger = {
    info({ reason = '' }: { reason?: string }, event?: string) {
      stopping = true;
      if (reason.startsWith('SIG')) say(event === 'process.stopped' ? 'Stopped.' : '\nStopping …');
    },
    error: (fields: object) => complain(`not everything stopped cleanly ${JSON.stringify(fields)}`),
    fatal: ({ err }: { err?: unknown }) => complain(explain(err)),
  };
  const shutdown = createShutdown({ timeoutMs: STOP_MS, logger: logger as never });
  shutdown.install();
  // Whoever read the output has gone (`npm start | head`): there is nobody to run for.
  process.stdout.on('error', () => void shutdown.stop('output closed', 1));
  try {
    const env = readEnv(startEnv, process.env);
    await start({ root: ROOT, env, inherited: process.env, say, shutdown });
  } catch (error) {
    if (stopping) return; // a start that was cut off fails, and that is no news
    complain(explain(error));
    await shutdown.stop('start failed', 1);
  }
}

/** Ends with 1 where the graph differs, so that a script can tell. */
async function verify(order: VerifyOrder): Promise<void> {
  const env = readEnv(graphEnv, process.env);
  const neo4j = { uri: env.NEO4J_URI, user: env.NEO4J_USER, password: env.NEO4J_PASSWORD };
  const terminal = { say, screen: process.stderr };
  const isEqual = await withDatabase(env.DATABASE_URL, (pool) =>
    verifyGraph(pool, neo4j, order, terminal),
  );
  if (!isEqual) process.exitCode = 1;
}

async function run(args: readonly string[]): Promise<void> {
  const command = parseCommand(args);
  if (command.name === 'help') return say(USAGE);
  if (command.name === 'start') return startUntilStopped();
  if (command.name === 'graph verify') return verify(command);
  const { DATABASE_URL: url } = readEnv(databaseEnv, process.env);
  if (command.name === 'migrate') return migrateDatabase(url, say);
  say(`demo tenant: ${(await withDatabase(url, makeDemo)).join(', ')}`);
}

function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) return `${message}\n\n${USAGE}`;
  return error instanceof EnvError ? message.replaceAll('\n', '\ncontour: ') : message;
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  complain(explain(error));
  process.exitCode = 1;
}
