import { type Rewrite, rewrittenBy } from '../../support/rewritten/rewritten.ts';
import { ourService, sendThrough } from '../experiments/by-http.ts';
import { idle, type Latency, openLoop } from '../experiments/latency.ts';
import { inPairs } from '../measure/pairs.ts';
import { inRounds } from '../measure/rounds.ts';
import { nextLot, type Study, withBench } from '../study.ts';

const SHARES = [25, 50, 80];

const tell = ({ perSecond, p50, p99, cpuUs }: Latency) =>
  `at ${Math.round(perSecond)}/s: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${Math.round(cpuUs)} µs of CPU`;

/** How long a sender waits, from the planned moment of its request. */
export const LATENCY_STUDY: Study = {
  name: 'latency',
  finds: ['p99_ms_at_50', 'p99_ms_at_80'],
  run: (size, sheet) =>
    withBench(async (bench) => {
      const service = await ourService(bench);
      const send = () => sendThrough(bench, service, { lot: nextLot(), count: size.messages });
      const rates = (await inRounds(size.pairs, send)).map(({ perSecond }) => perSecond);
      const capacity = sheet.add('http_capacity', rates, '/s').median;
      const seconds = size.isQuick ? 5 : 20;
      for (const share of SHARES) {
        const found: Latency[] = [];
        for (let round = 0; round < size.pairs; round += 1) {
          const perSecond = (capacity * share) / 100;
          const latency = await openLoop(bench, service, { lot: nextLot(), perSecond, seconds });
          sheet.say(tell(latency));
          found.push(latency);
        }
        sheet.add(
          `p50_ms_at_${share}`,
          found.map(({ p50 }) => p50),
          'ms',
        );
        sheet.add(
          `p99_ms_at_${share}`,
          found.map(({ p99 }) => p99),
          'ms',
        );
        sheet.add(
          `cpu_us_at_${share}`,
          found.map(({ cpuUs }) => cpuUs),
          'µs',
        );
      }
    }),
};

/** The product without gathering: every item is a batch of its own, at once. */
const ONE_BY_ONE: Rewrite = {
  file: 'packages/runtime/dist/batcher.js',
  find: 'const { run, maxSize, maxInFlight } = options;',
  replace: 'const { run } = options; const maxSize = 1; const maxInFlight = 1000;',
};

/** The cost of gathering for a single sender. */
export const IDLE_STUDY: Study = {
  name: 'idle',
  finds: ['idle_p50_batching'],
  run: (size, sheet) =>
    withBench(async (bench) => {
      const count = size.isQuick ? 100 : 300;
      // Two at a time would be two installations on one database.
      const measure = (env: Record<string, string>) => async () => {
        const service = await ourService(bench, env);
        await idle(bench, service, { lot: nextLot(), count });
        const latency = await idle(bench, service, { lot: nextLot(), count });
        await service.stop();
        return latency;
      };
      const pairs = await inPairs(size.pairs, measure({}), measure(rewrittenBy(ONE_BY_ONE)));
      sheet.add(
        'idle_p50_batching',
        pairs.map(({ a, b }) => a.p50 / b.p50),
      );
      sheet.add(
        'idle_p50_ms',
        pairs.map(({ a }) => a.p50),
        'ms',
      );
    }),
};
