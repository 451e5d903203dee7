import { dlqEntryBody, FINGERPRINT_PATTERN } from '@contour/contract';
import {
  createReplayer,
  dlqFilter,
  dlqSources,
  findEntry,
  foresee,
  onlyEntry,
  type Pages,
  type Selection,
  selectEntries,
} from '@contour/operations';
import { createProducer } from '@contour/queue/producer';
import { createReplyListener } from '@contour/queue/replies';
import { readEnv } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import {
  clearParked,
  countParked,
  type DlqFilter,
  fingerprintsFrom,
} from '@contour/store/dead-letters';
import { createForecast } from '@contour/store/resolve';
import type { Command } from 'commander';
import { z } from 'zod';
import { type AddCommand, type Cli, NotThere, UsageError } from '../cli.ts';
import { replayEnv, resolvingEnv } from '../env.ts';
import { pickTenantId, TENANT_OPTION, wholeNumber } from '../options.ts';
import { createProgressBar } from '../progress-bar.ts';
import { askFor } from '../read-credential.ts';
import { inDatabase, withDatabase, withRedis } from '../servers.ts';
import { linesOfEntry, linesOfForesight, printEntries } from './dlq-print.ts';

/** The API's filters, as they are typed. */
export interface FilterOptions {
  reason?: string;
  tenant?: string;
  fingerprint?: string;
  before?: string;
}

const withFilter = (command: Command): Command =>
  command
    .option('--reason <reason>', 'only this reason, such as unknown_tenant')
    .option(...TENANT_OPTION)
    .option('--fingerprint <sha256>', 'only of this account; its first 8 characters do')
    .option('--before <time>', 'only what failed before, such as 2024-12-10T10:00:00Z');

const PRINT_FAULT = 'must be a lower-case hex SHA-256, or at least its first 8 characters';

const typedFilter = dlqFilter.omit({ tenant_id: true }).extend({
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{8,64}$/, PRINT_FAULT)
    .optional(),
});

/** The only fingerprint in the dead-letter queue that begins so. A whole one is not looked up. */
async function wholeFingerprint(env: NodeJS.ProcessEnv, typed: string): Promise<string> {
  if (FINGERPRINT_PATTERN.test(typed)) return typed;
  const [found, ...others] = await inDatabase(env, (pool) => fingerprintsFrom(pool, typed));
  if (found === undefined) {
    throw new NotThere(`no entry has a fingerprint that begins with ${typed}`);
  }
  if (others.length === 0) return found;
  const all = [found, ...others].join(', ');
  throw new UsageError(`several fingerprints begin with ${typed}, give more of it: ${all}`);
}

/** Throws UsageError for a malformed condition. Looks up a tenant's name and a part of a fingerprint in the database. */
export async function filterOf(options: FilterOptions, env: NodeJS.ProcessEnv): Promise<DlqFilter> {
  const { reason, tenant, fingerprint: print, before } = options;
  const read = typedFilter.safeParse({ reason, fingerprint: print, before });
  const [fault] = read.error?.issues ?? [];
  if (fault !== undefined) throw new UsageError(`--${String(fault.path[0])} ${fault.message}`);
  const tenantId = tenant === undefined ? undefined : await pickTenantId(env, tenant);
  const fingerprint = print === undefined ? undefined : await wholeFingerprint(env, print);
  return { ...read.data, tenantId, fingerprint };
}

const isEmptyFilter = (filter: DlqFilter): boolean =>
  Object.values(filter).every((condition) => condition === undefined);

const readLimit = (text: string): number =>
  wholeNumber(text, [1, Number.MAX_SAFE_INTEGER], '--limit must be a whole number, at least 1');

const DEFAULT_LIMIT = '50';
const EVERYTHING = Number.MAX_SAFE_INTEGER;

type Order = FilterOptions & { limit?: string; all?: boolean; dryRun?: boolean; yes?: boolean };

async function entryCalled(pool: Database, id: string) {
  const entry = await findEntry(dlqSources(pool), id);
  if (entry === null) throw new NotThere('the dead-letter queue has no entry with this id');
  return entry;
}

function addList(dlq: Command, cli: Cli): void {
  withFilter(dlq.command('list').description('the entries, the oldest first'))
    .option('--limit <n>', `how many at most (default: ${DEFAULT_LIMIT})`)
    .option('--all', 'all of them')
    .addHelpText('after', '\nExample:\n  contour dlq list --reason unknown_tenant')
    .action(async (order: Order) => {
      const filter = await filterOf(order, cli.env);
      if (order.all && order.limit !== undefined) {
        throw new UsageError('--all and --limit exclude each other');
      }
      const limit = order.all ? EVERYTHING : readLimit(order.limit ?? DEFAULT_LIMIT);
      await inDatabase(cli.env, async (pool) =>
        printEntries(await selectEntries(dlqSources(pool), filter, limit), cli),
      );
    });
}

function addShow(dlq: Command, cli: Cli): void {
  dlq
    .command('show')
    .description('one entry, with the content of the message')
    .argument('<id>', 'as dlq list shows it')
    .addHelpText('after', '\nExample:\n  contour dlq show 0198c0de-0000-8000-8000-000000000009')
    .action(async (id: string) => {
      const entry = await inDatabase(cli.env, (pool) => entryCalled(pool, id));
      // Not through `report`: JSON.stringify would change large numbers in a message.
      if (cli.isJson()) cli.say(dlqEntryBody(entry));
      else linesOfEntry(entry).forEach(cli.say);
    });
}

/** What to replay: one entry, or what a filter matches. Everything only if --all was given. */
async function wantedOf(
  id: string | undefined,
  order: Order,
  env: NodeJS.ProcessEnv,
): Promise<DlqFilter> {
  const filter = await filterOf(order, env);
  const hasMore = !isEmptyFilter(filter) || order.all || order.limit !== undefined;
  if (id !== undefined && hasMore) throw new UsageError('an id stands alone, without a filter');
  if (id === undefined && isEmptyFilter(filter) && !order.all) {
    throw new UsageError('give what to replay: an id, a filter, or --all');
  }
  return filter;
}

/** Draws the progress of work on the pages. A page is done when the next one is requested. */
async function* drawn({ pages, total }: Selection, what: string, { screen }: Cli): Pages {
  const bar = createProgressBar(screen);
  let done = 0;
  bar.show(what, done, total);
  try {
    for await (const entries of pages) {
      yield entries;
      done += entries.length;
      bar.show(what, done, total);
    }
  } finally {
    bar.end();
  }
}

async function replay(read: (pool: Database) => Promise<Selection>, cli: Cli): Promise<void> {
  const env = readEnv(replayEnv, cli.env);
  const { DATABASE_URL, REDIS_URL } = env;
  const limits = { maxBacklog: env.MAX_BACKLOG, timezone: env.DEFAULT_TIMEZONE };
  await withRedis(REDIS_URL, createProducer, async (producer) => {
    const { addResolve: addJobs, backlog } = producer;
    const done = await withRedis(REDIS_URL, createReplyListener, (replies) =>
      withDatabase(DATABASE_URL, async (pool) => {
        const selection = await read(pool);
        const replayAll = createReplayer({ addJobs, backlog, replies, ...limits });
        return replayAll(drawn(selection, 'Replaying', cli));
      }),
    );
    const unread = done.matched - done.replayed;
    cli.report(done, () => [
      `${done.replayed} of ${done.matched} sent in again.`,
      ...(unread > 0 ? [`${unread} cannot be read and stay: see contour dlq show.`] : []),
    ]);
    if (unread > 0) cli.endWithOne();
    if (done.replayed > 0 && (await producer.liveWorkers()) === 0) {
      cli.complain('no worker is running: the messages wait in the queue until one starts');
    }
  });
}

async function dryRun(read: (pool: Database) => Promise<Selection>, cli: Cli): Promise<void> {
  const env = readEnv(resolvingEnv, cli.env);
  const matching = { linkByPhone: env.LINK_BY_PHONE, phoneRegion: env.DEFAULT_PHONE_REGION };
  const foresight = await withDatabase(env.DATABASE_URL, async (pool) => {
    const forecast = createForecast(pool, { linkByPhone: matching.linkByPhone !== false });
    return foresee(forecast.look, drawn(await read(pool), 'Looking', cli), matching);
  });
  cli.report(foresight, () => linesOfForesight(foresight));
}

function addReplay(dlq: Command, cli: Cli): void {
  withFilter(dlq.command('replay').description('send messages in again, through the front door'))
    .argument('[id]', 'one entry; without it, what the filter matches')
    .option('--limit <n>', 'the oldest n at most')
    .option('--all', 'all there is')
    .option('--dry-run', 'only show what it would do')
    .addHelpText('after', '\nExample:\n  contour dlq replay --reason unknown_tenant --dry-run')
    .action(async (id: string | undefined, order: Order) => {
      const filter = await wantedOf(id, order, cli.env);
      const limit = order.limit === undefined ? EVERYTHING : readLimit(order.limit);
      const read = async (pool: Database) =>
        id === undefined
          ? selectEntries(dlqSources(pool), filter, limit)
          : onlyEntry(await entryCalled(pool, id));
      await (order.dryRun === true ? dryRun(read, cli) : replay(read, cli));
    });
}

const CLEAR = 'remove entries for good; an accepted message stays dead in Postgres';

async function clearedBy(order: Order, env: NodeJS.ProcessEnv): Promise<DlqFilter> {
  const filter = await filterOf(order, env);
  if (order.all && filter.before === undefined) {
    throw new UsageError('--all needs --before, so that it keeps entries which you have not seen');
  }
  if (!isEmptyFilter(filter)) return filter;
  throw new UsageError('give what to clear: a filter, or --all --before');
}

/** Asks on the terminal. Every answer but y or yes is a no, and so are Ctrl-C and Ctrl-D. */
async function isConfirmed(count: number, { stdin, screen }: Cli): Promise<boolean> {
  const question = `Remove ${count} entries for good? [y/N] `;
  const answer = await askFor(question, { input: stdin, output: screen });
  if (answer === undefined) screen.write('\n');
  return /^y(es)?$/i.test(answer?.trim() ?? '');
}

function addClear(dlq: Command, cli: Cli): void {
  withFilter(dlq.command('clear').description(CLEAR))
    .option('--all', 'every reason; needs --before')
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
      await inDatabase(cli.env, async (pool) => {
        if (isAsked && !(await isConfirmed(await countParked(pool, filter), cli))) {
          cli.complain('nothing was cleared');
          return cli.endWithOne();
        }
        const bar = createProgressBar(cli.screen);
        const show = (done: number, total: number) => bar.show('Clearing', done, total);
        const count = await clearParked(pool, filter, show).finally(bar.end);
        cli.report({ cleared: true, count }, () => [`${count} cleared.`]);
      });
    });
}

export const add: AddCommand = (program, cli) => {
  const dlq = program
    .command('dlq')
    .description('the dead-letter queue in DATABASE_URL: messages that need an operator')
    .addHelpText('after', '\nExample:\n  contour dlq list --all');
  addList(dlq, cli);
  addShow(dlq, cli);
  addReplay(dlq, cli);
  addClear(dlq, cli);
};
