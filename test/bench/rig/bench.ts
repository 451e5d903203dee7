import { readFileSync } from 'node:fs';
import { freePort } from '../../support/free-port.ts';
import { openPool } from '../../support/outside-pool.ts';
import { type BuiltProcess, runBuilt } from '../../support/processes.ts';
import type { Pids } from '../measure/cpu-meter.ts';
import type { Town } from '../town/town.ts';
import { auditAll, type Ledger } from './audit.ts';
import { type Program, startProgram } from './program.ts';
import { type BenchServers, startServers } from './servers.ts';

export interface BenchOptions {
  town: Town;
  /** More settings of Postgres: `shared_preload_libraries=…`. */
  postgres?: readonly string[];
}

/** A town in a database of its own, a sink in Core's place, and the processes of an experiment. */
export interface Bench {
  town: Town;
  servers: BenchServers;
  sink: Program;
  ledger: Ledger;
  databaseUrl: string;
  redisUrl: string;
  /** Redis, Postgres and the sink. An experiment adds its processes. */
  pids: Pids;
  startApi(env?: Record<string, string>): Promise<BuiltProcess>;
  startWorker(env?: Record<string, string>): Promise<BuiltProcess>;
  startProgram(name: string, settings?: object): Promise<Program>;
  /** Registers something to close, in reverse order. */
  closing<T extends { close(): Promise<unknown> }>(opened: T): T;
  close(): Promise<void>;
}

const pidIn = (file: string) => Number.parseInt(readFileSync(file, 'utf8'), 10);

export async function openBench({ town, postgres = [] }: BenchOptions): Promise<Bench> {
  const closers: Array<() => Promise<unknown>> = [];
  const close = async () => {
    for (const closer of closers.toReversed()) await closer();
  };
  try {
    const servers = await startServers(postgres);
    closers.push(servers.close);
    const sink = await startProgram('programs/sink');
    closers.push(sink.stop);
    const databaseUrl = await servers.town(town, 'bench');
    const pool = openPool(databaseUrl);
    closers.push(() => pool.end());
    const redisUrl = servers.redis.url;
    const settings = {
      NODE_ENV: 'test',
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      CORE_URL: `${sink.url}/core`,
      MAX_BACKLOG: '10000000',
    };
    const start = async (name: 'api' | 'worker', variable: string, env: Record<string, string>) => {
      const port = await freePort();
      const built = runBuilt(
        name,
        port,
        { ...settings, [variable]: String(port), ...env },
        {
          onOutput: () => undefined,
        },
      );
      closers.push(built.stop);
      await built.ready();
      return built;
    };
    return {
      town,
      servers,
      sink,
      ledger: auditAll(pool, sink),
      databaseUrl,
      redisUrl,
      pids: {
        redis: [pidIn(`${servers.redis.dataDir}/redis.pid`)],
        postgres: [servers.postgres.pid],
        sink: [sink.pid],
      },
      startApi: (env = {}) => start('api', 'PORT', env),
      startWorker: (env = {}) => start('worker', 'WORKER_PORT', env),
      async startProgram(name, own = {}) {
        const program = await startProgram(name, {
          redisUrl,
          databaseUrl,
          sinkUrl: sink.url,
          ...own,
        });
        closers.push(program.stop);
        return program;
      },
      closing(opened) {
        closers.push(() => opened.close());
        return opened;
      },
      close,
    };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}
