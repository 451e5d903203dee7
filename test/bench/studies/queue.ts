import { ourWorkers, programSubject, type QueueSubject, workOff } from '../experiments/by-queue.ts';
import { inPairs } from '../measure/pairs.ts';
import type { Bench } from '../rig/bench.ts';
import { nextLot, type Sheet, type Size, type Study, told, withBench } from '../study.ts';
import type { Mix } from '../town/town.ts';

const END_TO_END = { WORKER_ROLES: 'resolve,deliver' };

interface Contest {
  bench: Bench;
  ours: QueueSubject;
  other: QueueSubject;
  otherName: string;
  mix?: Partial<Mix>;
}

/** Messages a second of both. The first runs are warm-ups. */
async function contest(size: Size, sheet: Sheet, figure: string, o: Contest): Promise<void> {
  const mix = () => ({ lot: nextLot(), count: size.messages, ...o.mix });
  const a = told(sheet, 'ours', () => workOff(o.bench, o.ours, mix()));
  const b = told(sheet, o.otherName, () => workOff(o.bench, o.other, mix()));
  await inPairs(1, a, b);
  const pairs = await inPairs(size.pairs, a, b);
  sheet.add(
    figure,
    pairs.map((pair) => pair.a.perSecond / pair.b.perSecond),
  );
  sheet.add(
    `${figure}: ours`,
    pairs.map((pair) => pair.a.perSecond),
    '/s',
  );
  sheet.add(
    `${figure}: ${o.otherName}`,
    pairs.map((pair) => pair.b.perSecond),
    '/s',
  );
}

const resolveOnly: Study = {
  name: 'resolve',
  finds: ['resolve_vs_noop'],
  run: (size, sheet) =>
    withBench(async (bench) => {
      const ours = await ourWorkers(bench, { WORKER_ROLES: 'resolve' });
      const other = await programSubject(bench, 'ceilings/noop-worker', {
        database: 1,
        delivers: false,
      });
      await contest(size, sheet, 'resolve_vs_noop', { bench, ours, other, otherName: 'no-op' });
    }),
};

const endToEnd: Study = {
  name: 'end-to-end',
  finds: ['end_to_end_vs_transport', 'end_to_end_vs_obvious_queue'],
  run: (size, sheet) =>
    withBench(async (bench) => {
      const ours = await ourWorkers(bench, END_TO_END);
      const transport = await programSubject(bench, 'ceilings/transport', {
        database: 1,
        delivers: true,
      });
      const obvious = await programSubject(bench, 'peers/obvious-queue', {
        database: 2,
        delivers: true,
      });
      const names = ['end_to_end_vs_transport', 'end_to_end_vs_obvious_queue'] as const;
      const base = { bench, ours };
      await contest(size, sheet, names[0], { ...base, other: transport, otherName: 'transport' });
      await contest(size, sheet, names[1], { ...base, other: obvious, otherName: 'obvious queue' });
    }),
};

const newClients: Study = {
  name: 'new-clients',
  finds: ['end_to_end_vs_obvious_queue_new_clients'],
  run: (size, sheet) =>
    withBench(async (bench) => {
      const ours = await ourWorkers(bench, END_TO_END);
      const other = await programSubject(bench, 'peers/obvious-queue', {
        database: 2,
        delivers: true,
      });
      const mix = { newShare: 0.1 };
      const contestants = { bench, ours, other, otherName: 'obvious queue', mix };
      await contest(size, sheet, 'end_to_end_vs_obvious_queue_new_clients', contestants);
    }),
};

const farPostgres: Study = {
  name: 'far-postgres',
  finds: ['end_to_end_vs_obvious_queue_postgres_1ms'],
  run: (size, sheet) =>
    withBench(async (bench) => {
      const proxy = await bench.startProgram('programs/slow-proxy', {
        targetUrl: bench.databaseUrl,
        delayMs: 1,
      });
      const far = new URL(bench.databaseUrl);
      far.port = new URL(proxy.url).port;
      const ours = await ourWorkers(bench, { ...END_TO_END, DATABASE_URL: far.href });
      const other = await programSubject(bench, 'peers/obvious-queue', {
        database: 2,
        delivers: true,
        databaseUrl: far.href,
      });
      const contestants = { bench, ours, other, otherName: 'obvious queue' };
      await contest(size, sheet, 'end_to_end_vs_obvious_queue_postgres_1ms', contestants);
    }),
};

export const QUEUE_STUDIES = [resolveOnly, endToEnd, newClients, farPostgres];
