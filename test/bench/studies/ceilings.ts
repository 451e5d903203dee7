import { withRedis } from '../../support/redis-client.ts';
import { waitFor } from '../../support/wait-for.ts';
import { startCpuMeter } from '../measure/cpu-meter.ts';
import { cpuUs, type Run, tell } from '../measure/run.ts';
import type { Bench } from '../rig/bench.ts';
import { createSenders } from '../rig/senders.ts';
import { nextLot, type Study, withBench } from '../study.ts';
import { bodiesOf } from '../town/town.ts';

type Take = (count: number) => Promise<Run>;

async function bareFastify(bench: Bench): Promise<Take> {
  const program = await bench.startProgram('ceilings/bare-fastify');
  const senders = bench.closing(createSenders(program.url));
  return async (count) => {
    const bodies = bodiesOf(bench.town, { lot: nextLot(), count }).map((body) =>
      JSON.stringify(body),
    );
    const used = startCpuMeter({ program: [program.pid] });
    const startedAt = performance.now();
    await senders.sendAll(bodies, 64);
    const seconds = (performance.now() - startedAt) / 1000;
    return { perSecond: count / seconds, cpu: used(), messages: count };
  };
}

const STREAM = 'bench:loop';
const AT_ONCE = 1_000;

async function streamLoop(bench: Bench): Promise<Take> {
  const program = await bench.startProgram('ceilings/stream-loop', { stream: STREAM });
  return async (count) => {
    const [body] = bodiesOf(bench.town, { lot: nextLot(), count: 1 });
    const text = JSON.stringify(body);
    const pids = { redis: bench.pids.redis ?? [], program: [program.pid] };
    const used = startCpuMeter(pids);
    const startedAt = performance.now();
    await withRedis(bench.redisUrl, async (redis) => {
      for (let sent = 0; sent < count; sent += AT_ONCE) {
        const adding = Array.from({ length: Math.min(AT_ONCE, count - sent) }, () =>
          redis('XADD', STREAM, '*', 'message', text),
        );
        await Promise.all(adding);
      }
      const isEmpty = async () => (await redis('XLEN', STREAM)) === 0;
      await waitFor('the stream to be empty', isEmpty, { deadlineMs: 120_000, everyMs: 5 });
    });
    const seconds = (performance.now() - startedAt) / 1000;
    return { perSecond: count / seconds, cpu: used(), messages: count };
  };
}

async function postLoop(bench: Bench): Promise<Take> {
  const [body] = bodiesOf(bench.town, { lot: nextLot(), count: 1 });
  const settings = { connections: 100, body: JSON.stringify(body) };
  const program = await bench.startProgram('ceilings/post-loop', settings);
  return async (count) => {
    const used = startCpuMeter({ sink: [bench.sink.pid], program: [program.pid] });
    const startedAt = performance.now();
    await program.ask(`post ${count}`);
    const isDone = async () => (await program.ask<{ done: number }>('done')).done >= count;
    await waitFor('all to be posted', isDone, { deadlineMs: 120_000, everyMs: 5 });
    const seconds = (performance.now() - startedAt) / 1000;
    return { perSecond: count / seconds, cpu: used(), messages: count };
  };
}

const CEILINGS = {
  'bare Fastify': bareFastify,
  'XREADGROUP and XACK': streamLoop,
  'POST to the sink': postLoop,
};

/** What the parts cost by themselves: nothing that is made of them can cost less. */
export const CEILING_STUDY: Study = {
  name: 'ceilings',
  finds: [],
  run: (size, sheet) =>
    withBench(async (bench) => {
      for (const [name, open] of Object.entries(CEILINGS)) {
        const take = await open(bench);
        const runs: Run[] = [];
        for (let round = 0; round <= size.pairs; round += 1) {
          const run = await take(size.messages);
          sheet.say(tell(name, run));
          if (round > 0) runs.push(run);
        }
        sheet.add(
          `per_second: ${name}`,
          runs.map(({ perSecond }) => perSecond),
          '/s',
        );
        sheet.add(`cpu_us: ${name}`, runs.map(cpuUs), 'µs');
      }
    }),
};
