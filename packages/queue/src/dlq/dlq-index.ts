import { createHash } from 'node:crypto';
import { type DlqEntry, type DlqJob, dlqEntry, dlqJob } from '@contour/contract';
import { openQueue } from '../jobs/queues.ts';
import {
  connectFailFast,
  loadScript,
  parsedJson,
  type RedisAccess,
  runPipeline,
} from '../redis/connect.ts';

/*
 * The entries of the dead-letter queue are rows in Postgres. In Redis each has a job in a queue without a consumer, for
 * Bull Board and other BullMQ tools. The jobs are prioritized, so they are in a sorted set, where one of 100 000 is
 * removed as fast as one of ten.
 */
const JOB = 'bull:dlq:';
/** The start of Redis that has the complete index. A wiped Redis has no such note. */
const COMPLETE = 'contour:dlq:indexed';
/** The same note of an earlier version. */
const FORMER_KEPT = 'contour:dlq:kept';

const PAGE_ENTRIES = 500;
const PAGE_BYTES = 4 * 1024 * 1024;

const load = (...files: string[]) => loadScript(import.meta.dirname, ...files);
const RENEW = load('version-of.lua', 'renew-jobs.lua');
const REMOVE = load('version-of.lua', 'remove-jobs.lua');
const READ_PAGE = load('read-page.lua');
const DROP_FORMER = load('drop-former.lua');

/** An entry that an earlier version parked in Redis, with its body. */
export interface LegacyEntry {
  entry: DlqEntry;
  /** Identifies the job's content when it is removed. */
  digest: string;
}

/** The jobs of a page. */
export interface IndexPage {
  jobs: DlqJob[];
  former: LegacyEntry[];
  /** The cursor of the next page; null at the end. */
  next: string | null;
}

/** Jobs of other programs are skipped. */
function pageOf(rows: readonly string[][]): IndexPage {
  const page: IndexPage = { jobs: [], former: [], next: rows.at(-1)?.[1] ?? null };
  for (const [, , text = ''] of rows) {
    const data = parsedJson(text);
    const job = dlqJob.safeParse(data).data;
    const entry = job === undefined ? dlqEntry.safeParse(data).data : undefined;
    if (job !== undefined) page.jobs.push(job);
    if (entry !== undefined) {
      page.former.push({ entry, digest: createHash('sha1').update(text).digest('hex') });
    }
  }
  return page;
}

export type DlqIndex = ReturnType<typeof createDlqIndex>;

/** Every method throws AppError('redis_unavailable') within 2.5 s. */
export function createDlqIndex(redis: RedisAccess) {
  const { client, ask, disconnect } = connectFailFast(redis);
  const queue = openQueue('dlq', client);
  /** Each start of a Redis server has an id of its own. */
  const runId = async () => /^run_id:(\S+)/m.exec(await client.info('server'))?.[1] ?? '';

  return {
    /** Shows these entries, unless Redis already shows a newer version. */
    show: (jobs: readonly DlqJob[]) =>
      ask(async () => {
        const args = jobs.flatMap((job) => [job.id, job.version, job.reason, JSON.stringify(job)]);
        const missing = new Set((await RENEW.run(client, [], args)) as string[]);
        const added = jobs.filter(({ id }) => missing.has(id));
        if (added.length === 0) return;
        await queue.addBulk(
          added.map((data) => ({
            name: data.reason,
            data,
            opts: { jobId: data.id, priority: 1, timestamp: Date.parse(data.failed_at) },
          })),
        );
      }),
    /** Removes the jobs of these entries; with a version only the job of that version. */
    hide: (entries: ReadonlyArray<{ id: string; version?: number }>) => {
      const args = entries.flatMap(({ id, version = '' }) => [id, version]);
      return ask(() => REMOVE.run(client, [], args));
    },
    /** The entries that have no job. */
    missing: (ids: readonly string[]) =>
      ask(async () => {
        const asked = client.pipeline();
        for (const id of ids) asked.exists(`${JOB}${id}`);
        const found = await runPipeline(asked);
        return ids.filter((_, index) => found[index] !== 1);
      }),
    /** The next jobs after a cursor, in the order in which they were added; '0' is the beginning. */
    read: async (after: string) => {
      const args = [`(${after}`, PAGE_ENTRIES, PAGE_BYTES];
      return pageOf((await ask(() => READ_PAGE.run(client, [], args))) as string[][]);
    },
    /** Removes a job of an earlier version if it was not changed after it was read. */
    dropFormer: (id: string, digest: string) =>
      ask(() => DROP_FORMER.run(client, [], [id, digest])),
    /** Whether this start of Redis has the complete index. */
    isComplete: () => ask(async () => (await client.get(COMPLETE)) === (await runId())),
    markComplete: () => ask(async () => client.set(COMPLETE, await runId())),
    /** Which entries of earlier versions Redis still has. After a restart the latest may be missing. */
    formerKept: (): Promise<'all' | 'all_but_latest' | 'nothing'> =>
      ask(async () => {
        const kept = await client.get(FORMER_KEPT);
        if (kept === null) return 'nothing';
        return kept === (await runId()) ? 'all' : 'all_but_latest';
      }),
    close: async () => {
      await queue.close().catch(redis.onError);
      disconnect();
    },
  };
}
