import { dlqEntryBody, isUuid } from '@contour/contract';
import { createProducer, type Dlq, type DlqFilter } from '@contour/queue';
import { readEnv } from '@contour/runtime';
import type { Command } from 'commander';
import { type AddCommand, type Cli, NotThere, UsageError } from '../cli.ts';
import { confirmed } from '../dlq/confirmed.ts';
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
import { redisEnv, replayEnv, resolvingEnv } from '../env.ts';
import { openDlq } from '../open-dlq.ts';
import { createProgressBar } from '../progress-bar.ts';
import { withRedis } from '../with-redis.ts';

const DEFAULT_LIMIT = '50';
const EVERYTHING = Number.MAX_SAFE_INTEGER;

type Order = FilterOptions & { limit?: string; all?: boolean; dryRun?: boolean; yes?: boolean };

const withDlq = <T>(url: string, work: (dlq: Dlq) => Promise<T>): Promise<T> =>
  withRedis(url, openDlq, work);

async function entryCalled(dlq: Dlq, id: string) {
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

async function replay(pages: Pages, cli: Cli): Promise<void> {
  const env = readEnv(replayEnv, cli.env);
  await withRedis(env.REDIS_URL, createProducer, async (producer) => {
    const done = await replayEntries(env, producer, pages);
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
    .option('--dry-run', 'only say what would come of it, by DATABASE_URL')
    .addHelpText('after', '\nExample:\n  contour dlq replay --reason unknown_tenant --dry-run')
    .action(async (id: string | undefined, order: Order) => {
      const filter = await wantedOf(id, order, cli.env);
      const limit = order.limit === undefined ? EVERYTHING : readLimit(order.limit);
      const isDry = order.dryRun === true;
      const { REDIS_URL: url } = readEnv(isDry ? resolvingEnv : replayEnv, cli.env);
      await withDlq(url, async (opened) => {
        const { pages, total } =
          id === undefined
            ? await matched(opened, filter, limit)
            : { pages: [[await entryCalled(opened, id)]], total: 1 };
        if (isDry) {
          // With Postgres's driver, which takes its time to load.
          const { dryRun } = await import('../dlq/dry-run.ts');
          await dryRun(drawn(pages, total, 'Looking', cli), cli);
        } else await replay(drawn(pages, total, 'Replaying', cli), cli);
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
      const { REDIS_URL: url } = readEnv(redisEnv, cli.env);
      await withDlq(url, async (opened) => {
        if (isAsked) {
          const { count } = await opened.list(filter, { limit: 1 });
          const isSure = await confirmed(`Remove ${count} entries for good?`, cli);
          if (!isSure) return declined(cli);
        }
        const bar = createProgressBar('Clearing', cli.screen);
        const count = await opened.clear(filter, bar.show).finally(bar.end);
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
