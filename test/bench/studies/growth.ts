import { ourService, sendThrough } from '../experiments/by-http.ts';
import { deliverWaiting } from '../experiments/by-lane.ts';
import { ourWorkers, workOff, workOffSome } from '../experiments/by-queue.ts';
import { pourThrough } from '../experiments/by-stream.ts';
import { rssMb } from '../measure/memory.ts';
import { inRounds } from '../measure/rounds.ts';
import { cpuUs } from '../measure/run.ts';
import { nextLot, type Sheet, type Size, type Study, TOWN, told, withBench } from '../study.ts';
import type { Town } from '../town/town.ts';

/** The cost of a message through a stream. The first lot is a warm-up. */
async function costIn(town: Town, name: string, size: Size, sheet: Sheet): Promise<number> {
  return withBench(
    async (bench) => {
      const worker = await bench.startWorker();
      const pids = { ...bench.pids, worker: [worker.pid] };
      const pour = () => pourThrough(bench, pids, { lot: nextLot(), count: size.messages });
      const runs = await inRounds(size.pairs, told(sheet, name, pour));
      return sheet.add(`cpu_us: ${name}`, runs.map(cpuUs), 'µs').median;
    },
    { town },
  );
}

const CLIENTS: Study = {
  name: 'clients',
  finds: ['cost_10m_vs_10k'],
  async run(size, sheet) {
    const numbers = size.isQuick ? [10_000, 1_000_000] : [10_000, 100_000, 1_000_000, 10_000_000];
    const costs: number[] = [];
    for (const clients of numbers) {
      costs.push(await costIn({ ...TOWN, clients }, `${clients} clients`, size, sheet));
    }
    // Sizes that were not measured have no figure.
    if (!size.isQuick) sheet.add('cost_10m_vs_10k', [(costs.at(-1) ?? 0) / (costs[0] ?? 0)]);
  },
};

const TENANTS: Study = {
  name: 'tenants',
  finds: [],
  async run(size, sheet) {
    for (const tenants of [1, 100, 10_000]) {
      await costIn({ tenants, clients: 100_000 }, `${tenants} tenants`, size, sheet);
    }
  },
};

const WORKERS: Study = {
  name: 'workers',
  finds: [],
  async run(size, sheet) {
    for (const workers of [1, 2, 4]) {
      await withBench(async (bench) => {
        const subject = await ourWorkers(bench, { workers, WORKER_ROLES: 'resolve,deliver' });
        const name = `${workers} workers`;
        const work = () => workOff(bench, subject, { lot: nextLot(), count: size.messages });
        const runs = await inRounds(size.pairs, told(sheet, name, work));
        sheet.add(
          `per_second: ${name}`,
          runs.map(({ perSecond }) => perSecond),
          '/s',
        );
      });
    }
  },
};

const AT_ONCE = 50_000;

/** Splits a number of messages into lots that fit into memory. */
const lotsOf = (count: number) =>
  Array.from({ length: Math.ceil(count / AT_ONCE) }, (_, index) => ({
    lot: nextLot(),
    count: Math.min(AT_ONCE, count - index * AT_ONCE),
  }));

/** The cost of a message with a backlog. The smallest backlog is worked off. */
const BACKLOG: Study = {
  name: 'backlog',
  finds: [],
  async run(size, sheet) {
    for (const jobs of size.isQuick ? [1_000, 20_000] : [1_000, 100_000, 1_000_000]) {
      await withBench(async (bench) => {
        const subject = await ourWorkers(bench, { WORKER_ROLES: 'resolve,deliver' });
        await workOff(bench, subject, { lot: nextLot(), count: size.messages });
        const name = `${jobs} jobs waiting`;
        const count = Math.min(jobs, size.messages);
        const work = () => workOffSome(bench, subject, lotsOf(jobs), count);
        sheet.add(`cpu_us: ${name}`, [cpuUs(await told(sheet, name, work)())], 'µs');
      });
    }
  },
};

const IN_LANES = 10_000;

const LANES: Study = {
  name: 'lanes',
  finds: ['lane_10k_vs_1'],
  async run(size, sheet) {
    const cost = new Map<number, number>();
    for (const pending of [1, 100, IN_LANES]) {
      await withBench(async (bench) => {
        const name = `${pending} in a lane`;
        const writers = pending === 1 ? bench.town.clients : IN_LANES / pending;
        const deliver = () => deliverWaiting(bench, { lot: nextLot(), count: IN_LANES, writers });
        const runs = await inRounds(size.pairs, told(sheet, name, deliver));
        cost.set(pending, sheet.add(`cpu_us: ${name}`, runs.map(cpuUs), 'µs').median);
      });
    }
    sheet.add('lane_10k_vs_1', [(cost.get(IN_LANES) ?? 0) / (cost.get(1) ?? 0)]);
  },
};

const MILLION = 1_000_000;

const MEMORY: Study = {
  name: 'memory',
  finds: ['rss_mb_api', 'rss_mb_worker'],
  run: (size, sheet) =>
    withBench(async (bench) => {
      const service = await ourService(bench);
      const { api = [], worker = [] } = service.pids;
      const lots = size.isQuick ? [{ lot: nextLot(), count: size.messages }] : lotsOf(MILLION);
      let sent = 0;
      for (const lot of lots) {
        await sendThrough(bench, service, lot, 256);
        sent += lot.count;
        const held = { api: rssMb(api[0]), worker: rssMb(worker[0]) };
        sheet.say(`after ${sent} messages: API ${held.api} MB, worker ${held.worker} MB`);
        if (sent !== MILLION / 10 && sent !== MILLION) continue;
        const when = sent === MILLION ? '' : `: after ${sent}`;
        sheet.add(`rss_mb_api${when}`, [held.api], 'MB');
        sheet.add(`rss_mb_worker${when}`, [held.worker], 'MB');
      }
    }),
};

export const GROWTH_STUDIES = [CLIENTS, TENANTS, WORKERS, BACKLOG, LANES, MEMORY];
