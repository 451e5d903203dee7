import { createHash } from 'node:crypto';
import { type DlqEntry, type DlqJob, dlqEntry, dlqJob } from '@contour/contract';
import { connectFailFast, type OnError } from '../connection.ts';
import { openQueue } from '../open-queue.ts';
import { runPipeline } from '../run-pipeline.ts';
import { FORGET_FORMER } from './former-notes.ts';

/*
 * The entries of the dead-letter queue are rows in Postgres. In Redis each has a job in a queue without a consumer, for
 * Bull Board and other BullMQ tools. The jobs are prioritized, so they are in a sorted set, where one of 100 000 is
 * removed as fast as one of ten.
 */
const JOB = 'bull:dlq:';
const ENTRIES = `${JOB}prioritized`;
/** The start of Redis that has the complete index. A wiped Redis has no such note. */
const COMPLETE = 'contour:dlq:indexed';
/** The same note of an earlier version. */
const FORMER_KEPT = 'contour:dlq:kept';

// An entry of an earlier version is left alone: it is not in Postgres yet.
const READ_JOB = `
local function version_of(id)
  local text = redis.call('HGET', '${JOB}' .. id, 'data')
  local ok, job = pcall(cjson.decode, text or '')
  return text, ok and type(job) == 'table' and job.v == 2 and job.version
end
`;

const RENEW = `${READ_JOB}
local missing = {}
for i = 1, #ARGV, 4 do
  local id, version, name, data = unpack(ARGV, i, i + 3)
  local text, shown = version_of(id)
  if not text then
    missing[#missing + 1] = id
  elseif shown and shown < tonumber(version) then
    redis.call('HSET', '${JOB}' .. id, 'data', data, 'name', name)
  end
end
return missing`;

const REMOVE = `${READ_JOB}
for i = 1, #ARGV, 2 do
  local id, version = ARGV[i], ARGV[i + 1]
  local text, shown = version_of(id)
  if shown and (version == '' or shown == tonumber(version)) then
    redis.call('ZREM', '${ENTRIES}', id)
    redis.call('DEL', '${JOB}' .. id, '${JOB}' .. id .. ':logs')
  end
end`;

const PAGE_ENTRIES = 500;
const PAGE_BYTES = 4 * 1024 * 1024;

const READ_PAGE = `
local found = redis.call('ZRANGEBYSCORE', '${ENTRIES}', ARGV[1], '+inf',
  'WITHSCORES', 'LIMIT', 0, ${PAGE_ENTRIES})
local page, bytes = {}, 0
for i = 1, #found, 2 do
  local text = redis.call('HGET', '${JOB}' .. found[i], 'data') or ''
  bytes = bytes + #text
  page[#page + 1] = {found[i], found[i + 1], text}
  if bytes > ${PAGE_BYTES} then break end
end
return page`;

// Removes it only if it is unchanged: an older worker may have renewed it meanwhile.
const DROP_FORMER = `${FORGET_FORMER}
local id, digest = unpack(ARGV)
local job = '${JOB}' .. id
local text = redis.call('HGET', job, 'data')
if not text or redis.sha1hex(text) ~= digest then return end
forget_former(id, text)
redis.call('ZREM', '${ENTRIES}', id)
redis.call('DEL', job, job .. ':logs')`;

/** An entry that an earlier version parked in Redis, with its body. */
export interface FormerLetter {
  entry: DlqEntry;
  /** Identifies the job's content when it is removed. */
  digest: string;
}

/** The jobs of a page. */
export interface IndexPage {
  jobs: DlqJob[];
  former: FormerLetter[];
  /** The cursor of the next page; null at the end. */
  next: string | null;
}

/** Every method throws AppError('redis_unavailable') in 2.5 s. */
export interface DlqIndex {
  /** Shows these entries, unless Redis already shows a newer version. */
  show(jobs: readonly DlqJob[]): Promise<void>;
  /** Removes the jobs of these entries; with a version only the job of that version. */
  hide(entries: ReadonlyArray<{ id: string; version?: number }>): Promise<void>;
  /** The entries that have no job. */
  missing(ids: readonly string[]): Promise<string[]>;
  /** The next jobs after a cursor, in the order in which they were added; '0' is the beginning. */
  read(after: string): Promise<IndexPage>;
  /** Removes a job of an earlier version if it is still as it was read. */
  dropFormer(id: string, digest: string): Promise<void>;
  /** Whether this start of Redis has the complete index. */
  isComplete(): Promise<boolean>;
  markComplete(): Promise<void>;
  /** Which entries of earlier versions Redis still has. After a restart the latest may be missing. */
  formerKept(): Promise<'all' | 'all_but_latest' | 'nothing'>;
  close(): Promise<void>;
}

function readJob(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A job that another program added is neither of them. */
function pageOf(rows: readonly string[][]): IndexPage {
  const page: IndexPage = { jobs: [], former: [], next: rows.at(-1)?.[1] ?? null };
  for (const [, , text = ''] of rows) {
    const data = readJob(text);
    const job = dlqJob.safeParse(data).data;
    const entry = job === undefined ? dlqEntry.safeParse(data).data : undefined;
    if (job !== undefined) page.jobs.push(job);
    if (entry !== undefined) {
      page.former.push({ entry, digest: createHash('sha1').update(text).digest('hex') });
    }
  }
  return page;
}

export function createDlqIndex(o: { redisUrl: string; onError: OnError }): DlqIndex {
  const { client, ask, disconnect } = connectFailFast(o.redisUrl, o.onError);
  const queue = openQueue('dlq', client);
  /** Each start of a Redis server has an id of its own. */
  const runId = async () => /^run_id:(\S+)/m.exec(await client.info('server'))?.[1] ?? '';

  return {
    show: (jobs) =>
      ask(async () => {
        const args = jobs.flatMap((job) => [job.id, job.version, job.reason, JSON.stringify(job)]);
        const missing = new Set((await client.eval(RENEW, 0, ...args)) as string[]);
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
    hide: (entries) =>
      ask(async () => {
        const args = entries.flatMap(({ id, version = '' }) => [id, version]);
        await client.eval(REMOVE, 0, ...args);
      }),
    missing: (ids) =>
      ask(async () => {
        const asked = ids.reduce(
          (pipeline, id) => pipeline.exists(`${JOB}${id}`),
          client.pipeline(),
        );
        const found = await runPipeline(asked);
        return ids.filter((_, index) => found[index] !== 1);
      }),
    read: async (after) =>
      pageOf((await ask(() => client.eval(READ_PAGE, 0, `(${after}`))) as string[][]),
    dropFormer: (id, digest) =>
      ask(async () => {
        await client.eval(DROP_FORMER, 0, id, digest);
      }),
    isComplete: () => ask(async () => (await client.get(COMPLETE)) === (await runId())),
    markComplete: () =>
      ask(async () => {
        await client.set(COMPLETE, await runId());
      }),
    formerKept: () =>
      ask(async () => {
        const kept = await client.get(FORMER_KEPT);
        if (kept === null) return 'nothing';
        return kept === (await runId()) ? 'all' : 'all_but_latest';
      }),
    close: async () => {
      await queue.close().catch(o.onError);
      disconnect();
    },
  };
}
