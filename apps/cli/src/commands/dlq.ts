import { dlqEntryBody, isUuid } from '@contour/contract';
import { createProducer } from '@contour/queue';
import { readEnv } from '@contour/runtime';
import {
  clearParked,
  countParked,
  type DeadLetters,
  type DlqFilter,
  deadLetters,
  type Pool,
} from '@contour/store';
import type { Command } from 'commander';
import { type AddCommand, type Cli, NotThere, UsageError } from '../cli.ts';
import { confirmed } from '../dlq/confirmed.ts';
import { dryRun } from '../dlq/dry-run.ts';
import {
  type FilterOptions,
  filterOf,
  isEmptyFilter,
  readLimit,
  withFilter,
} from '../dlq/filter.ts';
import { listEntries } from '../dlq/list.ts';
import { drawn, matched, type Pages, replayEntries } from '../dlq/replay.ts';
import { linesOfEntry } from '../dlq/show.ts';
import { databaseEnv, replayEnv, resolvingEnv } from '../env.ts';
import { createProgressBar } from '../progress-bar.ts';
import { withDatabase } from '../with-database.ts';
import { withRedis } from '../with-redis.ts';

const DEFAULT_LIMIT = '50';
const EVERYTHING = Number.MAX_SAFE_INTEGER;

type Order = FilterOptions & { limit?: string; all?: boolean; dryRun?: boolean; yes?: boolean };

async function entryCalled(dlq: DeadLetters, id: string) {
  const entry = isUuid(id) ? await dlq.get(id.toLowerCase()) : null;
  if (entry === null) throw new NotThere('the dead-letter queue has no entry with this id');
  return entry;
}

function addList(dlq: Command, cli: Cli): void {
  withFilter(dlq.command('list').description('what is parked, the oldest first'))
    .option('--limit <n>', `how many at most (default: ${DEFAULT_LIMIT})`)
    .option('--all', 'all of them')
    .addHelpText('after', '\nExample:\n  contour dlq list --reason unknown_tenant')
    .action(async (order: Order) => {
      const filter = await filterOf(order, cli.env);
      if (order.all && order.limit !== undefined) {
        throw new UsageError('--all and --limit exclude each other');
      }
      const limit = order.all ? EVERYTHING : readLimit(order.limit ?? DEFAULT_LIMIT);
      const { DATABASE_URL: url } = readEnv(databaseEnv, cli.env);
      await withDatabase(url, (pool) => listEntries(pool, filter, limit, cli));
    });
}

function addShow(dlq: Command, cli: Cli): void {
  dlq
    .command('show')
    .description('one entry, with what the message says')
    .argument('<id>', 'as dlq list shows it')
    .addHelpText('after', '\nExample:\n  contour dlq show 0198c0de-0000-8000-8000-000000000009')
    .action(async (id: string) => {
      const { DATABASE_URL: url } = readEnv(databaseEnv, cli.env);
      const entry = await withDatabase(url, (pool) => entryCalled(deadLetters(pool), id));
      // Not by way of report: numbers in a message must not go through a JSON value once more.
      if (cli.isJson()) cli.say(dlqEntryBody(entry));
      else linesOfEntry(entry).forEach(cli.say);
    });
}

/** What a replay is about: one entry, or what a filter matches; all of it only where that is said. */
async function wantedOf(
  id: string | undefined,
  order: Order,
  env: NodeJS.ProcessEnv,
): Promise<DlqFilter> {
  const filter = await filterOf(order, env);
  const hasMore = !isEmptyFilter(filter) || order.all || order.limit !== undefined;
  if (id !== undefined && hasMore) throw new UsageError('an id stands alone, without a filter');
  if (id === undefined && isEmptyFilter(filter) && !order.all) {
    throw new UsageError('say what to replay: an id, a filter, or --all');
  }
  return filter;
}

/** The entries that a replay covers, and their number. */
async function pagesOf(
  pool: Pool,
  id: string | undefined,
  filter: DlqFilter,
  limit: number,
): Promise<{ pages: Pages; total: number }> {
  if (id === undefined) return matched(pool, filter, limit);
  return { pages: [[await entryCalled(deadLetters(pool), id)]], total: 1 };
}

async function replay(
  env: { DATABASE_URL: string; REDIS_URL: string; MAX_BACKLOG: number },
  read: (pool: Pool) => Promise<{ pages: Pages; total: number }>,
  cli: Cli,
): Promise<void> {
  await withRedis(env.REDIS_URL, createProducer, async (producer) => {
    const done = await withDatabase(env.DATABASE_URL, async (pool) => {
      const { pages, total } = await read(pool);
      return replayEntries(env, producer, drawn(pages, total, 'Replaying', cli));
    });
    const unread = done.matched - done.replayed;
    cli.report(done, () => {
      cli.say(`${done.replayed} of ${done.matched} sent in again.`);
      if (unread > 0) cli.say(`${unread} cannot be read and stay: see contour dlq show.`);
    });
    if (unread > 0) cli.endWithOne();
    if (done.replayed > 0 && (await producer.liveWorkers()) === 0) {
      cli.complain('no worker lives: they wait in the queue until one does');
    }
  });
}

function addReplay(dlq: Command, cli: Cli): void {
  withFilter(dlq.command('replay').description('send in again, through the front door'))
    .argument('[id]', 'one entry; without it, what the filter matches')
    .option('--limit <n>', 'the oldest n at most')
    .option('--all', 'all there is')
    .option('--dry-run', 'only say what would come of it')
    .addHelpText('after', '\nExample:\n  contour dlq replay --reason unknown_tenant --dry-run')
    .action(async (id: string | undefined, order: Order) => {
      const filter = await wantedOf(id, order, cli.env);
      const limit = order.limit === undefined ? EVERYTHING : readLimit(order.limit);
      const read = (pool: Pool) => pagesOf(pool, id, filter, limit);
      if (order.dryRun !== true) return replay(readEnv(replayEnv, cli.env), read, cli);
      const env = readEnv(resolvingEnv, cli.env);
      await withDatabase(env.DATABASE_URL, async (pool) => {
        const { pages, total } = await read(pool);
        await dryRun(pool, drawn(pages, total, 'Looking', cli), env, cli);
      });
    });
}

const CLEAR = 'forget entries for good; a message that was accepted stays dead in Postgres';

async function clearedBy(order: Order, env: NodeJS.ProcessEnv): Promise<DlqFilter> {
  const filter = await filterOf(order, env);
  if (order.all && filter.before === undefined) {
    throw new UsageError('--all needs --before: what was parked a moment ago nobody has seen yet');
  }
  if (isEmptyFilter(filter)) throw new UsageError('say what to clear: a filter, or --all --before');
  return filter;
}

function declined(cli: Cli): void {
  cli.complain('nothing was cleared');
  cli.endWithOne();
}

function addClear(dlq: Command, cli: Cli): void {
  withFilter(dlq.command('clear').description(CLEAR))
    .option('--all', 'whatever the reason; needs --before')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      '\nExample:\n  contour dlq clear --reason invalid --before 2024-12-10T10:00:00Z',
    )
    .action(async (order: Order) => {
      const filter = await clearedBy(order, cli.env);
      const isAsked = order.yes !== true;
      if (isAsked && !cli.stdin.isTTY) {
        throw new UsageError('clearing is for good: without a terminal it needs --yes');
      }
      const { DATABASE_URL: url } = readEnv(databaseEnv, cli.env);
      await withDatabase(url, async (pool) => {
        if (isAsked) {
          const count = await countParked(pool, filter);
          const isSure = await confirmed(`Remove ${count} entries for good?`, cli);
          if (!isSure) return declined(cli);
        }
        const bar = createProgressBar('Clearing', cli.screen);
        const count = await clearParked(pool, filter, bar.show).finally(bar.end);
        cli.report({ cleared: true, count }, () => cli.say(`${count} cleared.`));
      });
    });
}

export const addDlq: AddCommand = (program, cli) => {
  const dlq = program
    .command('dlq')
    .description('the messages that could not go on, parked in DATABASE_URL')
    .addHelpText('after', '\nExample:\n  contour dlq list --all');
  addList(dlq, cli);
  addShow(dlq, cli);
  addReplay(dlq, cli);
  addClear(dlq, cli);
};
