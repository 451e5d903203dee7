import { inject } from 'vitest';
import type { DlqItem } from './checker/check-dlq.ts';
import type { Violation } from './checker/violation.ts';
import { check, type Evidence } from './checker.ts';
import { type FakeCore, startFakeCore } from './fake-core.ts';
import { freePort } from './free-port.ts';
import { createDatabase, type Database } from './fresh-database.ts';
import { type BuiltProcess, runBuilt } from './processes.ts';
import { get } from './send.ts';
import { startTestPostgres, startTestRedis, type TestServer } from './servers.ts';
import { addTestTenant, type TestTenant } from './tenants.ts';

export interface ContourOptions {
  apis?: number;
  workers?: number;
  /** Settings of all processes; CORE_URL: '' leaves the console in Core's place. */
  env?: Record<string, string>;
  /** A Postgres for this test alone, to be stopped and started. A server that the test passes in, it closes itself. */
  ownPostgres?: boolean | TestServer;
  /** A Redis that the test has started. The test closes it. */
  redis?: TestServer;
  /** Gets all output of the processes. Then `output()` has only the last part. */
  onOutput?: (text: string) => void;
  /** The Neo4j to mirror into: the shared one, or one of the test. Without it, nothing is mirrored. */
  neo4jUri?: string | undefined;
}

/** A whole system of built processes with a database, a Redis and a fake Core of its own. */
export interface Contour {
  database: Database;
  redis: TestServer;
  core: FakeCore;
  /** Only with `ownPostgres`. */
  postgres: TestServer | undefined;
  /** Where the graph is, where there is one. */
  neo4jUri: string | undefined;
  apis: readonly BuiltProcess[];
  workers: readonly BuiltProcess[];
  /** Where the API processes listen. */
  urls: string[];
  /** The first API. */
  url: string;
  addTenant(): Promise<TestTenant>;
  startApi(env?: Record<string, string>): Promise<BuiltProcess>;
  /** `root` is the checkout whose worker is started. Default: this one. */
  startWorker(env?: Record<string, string>, root?: string): Promise<BuiltProcess>;
  dlq(): Promise<DlqItem[]>;
  check(evidence: Pick<Evidence, 'accepted'> & Partial<Evidence>): Promise<Violation[]>;
  close(): Promise<void>;
}

type Closer = () => Promise<unknown>;

/** Calls all closers in reverse order, then throws the first error. */
async function closeAll(closers: readonly Closer[]): Promise<void> {
  const errors: unknown[] = [];
  for (const close of closers.toReversed()) {
    await close().catch((error: unknown) => errors.push(error));
  }
  if (errors.length > 0) throw errors[0];
}

/** All pages of the dead-letter queue, through the API. */
async function readDlq(apiUrl: string): Promise<DlqItem[]> {
  const items: DlqItem[] = [];
  let cursor: string | null = null;
  do {
    const page = await get(`${apiUrl}/dlq?limit=200${cursor === null ? '' : `&cursor=${cursor}`}`);
    if (page.status !== 200) throw new Error(`GET /dlq answered ${page.status}: ${page.text}`);
    items.push(...page.json.items);
    cursor = page.json.next;
  } while (cursor !== null);
  return items;
}

async function build(options: ContourOptions, closers: Closer[]): Promise<Contour> {
  const { apis: apiCount = 1, workers: workerCount = 1, neo4jUri, onOutput } = options;
  const postgres =
    options.ownPostgres === true ? await startTestPostgres() : options.ownPostgres || undefined;
  if (postgres && postgres !== options.ownPostgres) closers.push(postgres.close);
  const redis = options.redis ?? (await startTestRedis());
  if (redis !== options.redis) closers.push(redis.close);
  const core = await startFakeCore();
  closers.push(core.close);
  const database = await createDatabase(postgres?.url ?? inject('postgresUrl'));
  closers.push(database.drop);

  const apis: BuiltProcess[] = [];
  const workers: BuiltProcess[] = [];
  const settings = {
    NODE_ENV: 'test',
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    CORE_URL: core.url,
    ...(neo4jUri === undefined ? {} : { NEO4J_URI: neo4jUri }),
    ...options.env,
  };
  closers.push(async () => {
    // Side by side: each may take its time to drain.
    const stopped = await Promise.allSettled([...apis, ...workers].map((one) => one.stop()));
    for (const one of stopped) if (one.status === 'rejected') throw one.reason;
  });

  const startApi = async (env: Record<string, string> = {}) => {
    const port = await freePort();
    const api = runBuilt('api', port, { ...settings, PORT: String(port), ...env }, { onOutput });
    apis.push(api);
    await api.ready();
    return api;
  };
  const startWorker = async (env: Record<string, string> = {}, root?: string) => {
    const port = await freePort();
    const own = { ...settings, WORKER_PORT: String(port), ...env };
    const worker = runBuilt('worker', port, own, { onOutput, root });
    workers.push(worker);
    await worker.ready();
    return worker;
  };
  // Waits for all, also when one fails: a process that starts after the closing would stay alive.
  const started = await Promise.allSettled([
    ...Array.from({ length: apiCount }, () => startApi()),
    ...Array.from({ length: workerCount }, () => startWorker()),
  ]);
  for (const one of started) if (one.status === 'rejected') throw one.reason;

  const aliveUrls = () => apis.filter((api) => !api.ended()).map((api) => api.url);
  return {
    database,
    redis,
    core,
    postgres,
    neo4jUri,
    apis,
    workers,
    get urls() {
      return aliveUrls();
    },
    get url() {
      return aliveUrls()[0] ?? '';
    },
    addTenant: () => addTestTenant(database.pool),
    startApi,
    startWorker,
    dlq: () => readDlq(aliveUrls()[0] ?? ''),
    check: (evidence) =>
      check({
        pool: database.pool,
        core,
        neo4jUri,
        redisUrl: redis.url,
        redisDataDir: redis.dataDir,
        dlq: () => readDlq(aliveUrls()[0] ?? ''),
        logs: () => [...apis, ...workers].map((one) => one.output()).join('\n'),
        ...evidence,
      }),
    close: () => closeAll(closers),
  };
}

/** Starts everything a test needs. After a failure it stops what it had started. */
export async function startContour(options: ContourOptions = {}): Promise<Contour> {
  const closers: Closer[] = [];
  try {
    return await build(options, closers);
  } catch (error) {
    await closeAll(closers).catch(() => undefined);
    throw error;
  }
}
