import { CONSOLE } from '@contour/runtime';
import type { AddCommand } from '../cli.ts';
import { type Check, fail, isAtLeast, ok, type State } from '../doctor/check.ts';
import { examineCore, examineNeo4j } from '../doctor/neo4j-and-core.ts';
import { examinePostgres } from '../doctor/postgres.ts';
import { examineRedis } from '../doctor/redis.ts';
import { examineSettings } from '../doctor/settings.ts';
import { paint } from '../text.ts';

const DEFAULT_MAX_BACKLOG = 100_000;

function checkNode(): Check {
  const { node } = process.versions;
  if (isAtLeast(node, 20, 19)) return ok('node', node);
  return fail('node', node, 'upgrade to 20.19 or later');
}

/** Examines all servers at once. A server that is away costs a few seconds and fails only its own checks. */
async function examine(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const { checks, values } = await examineSettings(env);
  const texts = values as Record<string, string | undefined>;
  const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, CORE_URL: coreUrl } = texts;
  const { NEO4J_URI: uri, NEO4J_USER: user = 'neo4j', NEO4J_PASSWORD: password } = texts;
  const maxBacklog = Number(values.MAX_BACKLOG ?? DEFAULT_MAX_BACKLOG);
  const looks = await Promise.all([
    databaseUrl === undefined ? [] : examinePostgres(databaseUrl),
    redisUrl === undefined ? [] : examineRedis(redisUrl, maxBacklog),
    coreUrl === undefined || coreUrl === CONSOLE ? [] : examineCore(coreUrl),
  ]);
  // Afterwards: loading its driver blocks long enough to time out the others.
  const graph = uri === undefined ? [] : await examineNeo4j({ uri, user, password });
  return [...checks, checkNode(), ...looks.flat(), ...graph];
}

const COLOURS = { ok: 'green', warn: 'yellow', FAIL: 'red' } as const;
const COLUMNS = 100;
const STATES = ['FAIL', 'warn', 'ok'] as const;

/** Breaks a text into lines of at most so many columns. A longer word has a line of its own. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

/** The detail and the advice, in one line if they fit, otherwise one below the other. */
function saidOf({ detail, advice }: Check, columns: number): string[] {
  // A server's message may have several lines.
  const found = detail.replaceAll(/\s+/g, ' ');
  const parts = advice === null ? [found] : [found, `→ ${advice}`];
  const whole = parts.join(' ');
  return whole.length <= columns ? [whole] : parts.flatMap((part) => wrap(part, columns));
}

/** A line or more for each check, and how many there are of each state. */
function linesOf(checks: readonly Check[]): string[] {
  const width = Math.max(...checks.map(({ check }) => check.length));
  const indent = ' '.repeat('FAIL'.length + 2 + width + 2);
  const lines = checks.flatMap((one) => {
    const [first = '', ...others] = saidOf(one, COLUMNS - indent.length);
    const state = paint(COLOURS[one.state], one.state.padEnd(4));
    const begun = `${state}  ${one.check.padEnd(width)}  ${first}`;
    return [begun, ...others.map((line) => indent + line)];
  });
  const count = (wanted: State) => checks.filter(({ state }) => state === wanted).length;
  return [...lines, STATES.map((state) => `${count(state)} ${state}`).join(', ')];
}

const NOTE = `
Run it with the environment of the API and the worker. It changes nothing, and
shows no password, key or credential.
FAIL: it does not work like this (ends with 1). warn: it needs attention.

Example:
  contour doctor`;

export const add: AddCommand = (program, cli) => {
  program
    .command('doctor')
    .description('check every setting, server and version, and advise what to do')
    .addHelpText('after', NOTE)
    .action(async () => {
      const checks = await examine(cli.env);
      cli.report(checks, () => linesOf(checks));
      if (checks.some(({ state }) => state === 'FAIL')) cli.endWithOne();
    });
};
