import { dlqEntryBody, isUuid } from '@contour/contract';
import { createDlq, createProducer, type Dlq, type DlqFilter } from '@contour/queue';
import { readEnv } from '@contour/runtime';
import type { Command } from 'commander';
import { type AddCommand, type Cli, UsageError } from '../cli.ts';
import { confirmed } from '../dlq/confirmed.ts';
import {
  type FilterOptions,
  filterOf,
  isEmptyFilter,
  readLimit,
  withFilter,
} from '../dlq/filter.ts';
import { foresee, linesOfForesight } from '../dlq/foresee.ts';
import { listEntries } from '../dlq/list.ts';
import { drawn, matched, type Pages, replayEntries } from '../dlq/replay.ts';
import { linesOfEntry } from '../dlq/show.ts';
import { redisEnv, resolvingEnv } from '../env.ts';
import { withDatabase } from '../with-database.ts';
import { withRedis } from '../with-redis.ts';

const DEFAULT_LIMIT = '50';
const EVERYTHING = Number.MAX_SAFE_INTEGER;
/** Counts for what parks, which nothing here does. */
const NO_ALLOWANCE = { maxParkedPerAccount: 0 };

type Order = FilterOptions & { limit?: string; all?: boolean; dryRun?: boolean; yes?: boolean };

const withDlq = <T>(url: string, work: (dlq: Dlq) => Promise<T>): Promise<T> =>
  withRedis(url, (redis) => createDlq({ ...redis, ...NO_ALLOWANCE }), work);

async function entryCalled(dlq: Dlq, id: string) {
  const entry = isUuid(id) ? await dlq.get(id.toLowerCase()) : null;
  if (entry === null) throw new Error('the dead-letter queue has no entry with this id');
  return entry;
}

function addList(dlq: Command, cli: Cli): void {
  withFilter(dlq.command('list').description('what is parked, the oldest first'))
    .option('--limit <n>', `how many at most (default: ${DEFAULT_LIMIT})`)
    .option('--all', 'all of them')
    .addHelpText('after', '\nExample:\n  contour dlq list --reason unknown_tenant')
    .action(async (order: Order) => {
      const filter = filterOf(order);
      if (order.all && order.limit !== undefined) {
        throw new UsageError('--all and --limit exclude each other');
      }
      const limit = order.all ? EVERYTHING : readLimit(order.limit ?? DEFAULT_LIMIT);
      const { REDIS_URL: url } = readEnv(redisEnv, cli.env);
      await withDlq(url, (opened) => listEntries(opened, filter, limit, cli));
    });
}

function addShow(dlq: Command, cli: Cli): void {
  dlq
    .command('show')
    .description('one entry, with what the message says')
    .argument('<id>', 'as dlq list shows it')
    .addHelpText('after', '\nExample:\n  contour dlq show 0198c0de-0000-8000-8000-000000000009')
    .action(async (id: string) => {
      const { REDIS_URL: url } = readEnv(redisEnv, cli.env);
      const entry = await withDlq(url, (opened) => entryCalled(opened, id));
      // Not by way of report: numbers in a message must not go through a JSON value once more.
      if (cli.isJson()) cli.say(dlqEntryBody(entry));
      else linesOfEntry(entry).forEach(cli.say);
    });
}

/** What a replay is about: one entry, or what a filter matches; all of it only where that is said. */
function wantedOf(id: string | undefined, order: Order): DlqFilter {
  const filter = filterOf(order);
  const hasMore = !isEmptyFilter(filter) || order.all || order.limit !== undefined;
  if (id !== undefined && hasMore) throw new UsageError('an id stands alone, without a filter');
  if (id === undefined && isEmptyFilter(filter) && !order.all) {
    throw new UsageError('say what to replay: an id, a filter, or --all');
  }
  return filter;
}

async function dryRun(pages: Pages, cli: Cli): Promise<void> {
  const env = readEnv(resolvingEnv, cli.env);
  const matching = { linkByPhone: env.LINK_BY_PHONE, region: env.DEFAULT_PHONE_REGION };
  const foresight = await withDatabase(env.DATABASE_URL, (pool) => foresee(pool, pages, matching));
  cli.report(foresight, () => linesOfForesight(foresight).forEach(cli.say));
}

async function replay(url: string, pages: Pages, cli: Cli): Promise<void> {
  await withRedis(url, createProducer, async (producer) => {
    const done = await replayEntries(url, producer, pages);
    cli.report(done, () => {
      cli.say(`${done.replayed} of ${done.matched} sent in again.`);
      const unread = done.matched - done.replayed;
      if (unread > 0) cli.say(`${unread} cannot be read and stay: see contour dlq show.`);
    });
    if (done.replayed > 0 && (await producer.liveWorkers()) === 0) {
      cli.screen.write('contour: no worker lives: they wait in the queue until one does\n');
    }
  });
}

function addReplay(dlq: Command, cli: Cli): void {
  withFilter(dlq.command('replay').description('send in again, through the front door'))
    .argument('[id]', 'one entry; without it, what the filter matches')
    .option('--limit <n>', 'the oldest n at most')
    .option('--all', 'all there is')
    .option('--dry-run', 'only say what would come of it, by DATABASE_URL')
    .addHelpText('after', '\nExample:\n  contour dlq replay --reason unknown_tenant --dry-run')
    .action(async (id: string | undefined, order: Order) => {
      const filter = wantedOf(id, order);
      const limit = order.limit === undefined ? EVERYTHING : readLimit(order.limit);
      const isDry = order.dryRun === true;
      const { REDIS_URL: url } = readEnv(isDry ? resolvingEnv : redisEnv, cli.env);
      await withDlq(url, async (opened) => {
        const { pages, total } =
          id === undefined
            ? await matched(opened, filter, limit)
            : { pages: [[await entryCalled(opened, id)]], total: 1 };
        if (isDry) await dryRun(drawn(pages, total, 'Looking', cli), cli);
        else await replay(url, drawn(pages, total, 'Replaying', cli), cli);
      });
    });
}

const CLEAR = 'forget entries for good; a message that was accepted stays dead in Postgres';

function clearedBy(order: Order): DlqFilter {
  const filter = filterOf(order);
  if (order.all && filter.before === undefined) {
    throw new UsageError('--all needs --before: what was parked a moment ago nobody has seen yet');
  }
  if (isEmptyFilter(filter)) throw new UsageError('say what to clear: a filter, or --all --before');
  return filter;
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
      const filter = clearedBy(order);
      const isAsked = order.yes !== true;
      if (isAsked && !cli.stdin.isTTY) {
        throw new UsageError('clearing is for good: without a terminal it needs --yes');
      }
      const { REDIS_URL: url } = readEnv(redisEnv, cli.env);
      await withDlq(url, async (opened) => {
        if (isAsked) {
          const { count } = await opened.list(filter, { limit: 1 });
          const isSure = await confirmed(`Remove ${count} entries for good?`, cli);
          if (!isSure) throw new Error('nothing was cleared');
        }
        const count = await opened.clear(filter);
        cli.report({ cleared: true, count }, () => cli.say(`${count} cleared.`));
      });
    });
}

export const addDlq: AddCommand = (program, cli) => {
  const dlq = program
    .command('dlq')
    .description('the messages that could not go on, parked in REDIS_URL')
    .addHelpText('after', '\nExample:\n  contour dlq list --all');
  addList(dlq, cli);
  addShow(dlq, cli);
  addReplay(dlq, cli);
  addClear(dlq, cli);
};
