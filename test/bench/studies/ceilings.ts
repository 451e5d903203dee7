import { withRedis } from '../../support/redis-client.ts';
import { waitFor } from '../../support/wait-for.ts';
import { inRounds } from '../measure/rounds.ts';
import { cpuUs, measureRun, type Run } from '../measure/run.ts';
import type { Bench } from '../rig/bench.ts';
import { createSenders } from '../rig/senders.ts';
import { nextLot, type Study, told, withBench } from '../study.ts';
import { textsOf } from '../town/town.ts';

type Take = (count: number) => Promise<Run>;

async function bareFastify(bench: Bench): Promise<Take> {
  const program = await bench.startProgram('ceilings/bare-fastify');
  const senders = bench.closing(createSenders(program.url));
  return async (count) => {
    const bodies = textsOf(bench.town, { lot: nextLot(), count });
    return measureRun({
      messages: count,
      pids: { program: [program.pid] },
      work: () => senders.sendAll(bodies, 64),
    });
  };
}

const STREAM = 'bench:loop';
const AT_ONCE = 1_000;

async function streamLoop(bench: Bench): Promise<Take> {
  const program = await bench.startProgram('ceilings/stream-loop', { stream: STREAM });
  return async (count) => {
    const [text = ''] = textsOf(bench.town, { lot: nextLot(), count: 1 });
    const work = () =>
      withRedis(bench.redisUrl, async (redis) => {
        for (let sent = 0; sent < count; sent += AT_ONCE) {
          const adding = Array.from({ length: Math.min(AT_ONCE, count - sent) }, () =>
            redis('XADD', STREAM, '*', 'message', text),
          );
          await Promise.all(adding);
        }
        const isEmpty = async () => (await redis('XLEN', STREAM)) === 0;
        await waitFor('the stream to be empty', isEmpty, { deadlineMs: 120_000, everyMs: 5 });
      });
    const pids = { redis: bench.pids.redis ?? [], program: [program.pid] };
    return measureRun({ messages: count, pids, work });
  };
}

async function postLoop(bench: Bench): Promise<Take> {
  const [body] = textsOf(bench.town, { lot: nextLot(), count: 1 });
  const settings = { connections: 100, body };
  const program = await bench.startProgram('ceilings/post-loop', settings);
  return async (count) => {
    const isDone = async () => (await program.ask<{ done: number }>('done')).done >= count;
    return measureRun({
      messages: count,
      pids: { sink: [bench.sink.pid], program: [program.pid] },
      async work() {
        await program.ask(`post ${count}`);
        await waitFor('all to be posted', isDone, { deadlineMs: 120_000, everyMs: 5 });
      },
    });
  };
}

const CEILINGS = {
  'bare Fastify': bareFastify,
  'XREADGROUP and XACK': streamLoop,
  'POST to the sink': postLoop,
};

/** The costs of the parts alone: the whole cannot cost less. */
export const CEILING_STUDY: Study = {
  name: 'ceilings',
  finds: [],
  run: (size, sheet) =>
    withBench(async (bench) => {
      for (const [name, open] of Object.entries(CEILINGS)) {
        const take = await open(bench);
        const work = told(sheet, name, () => take(size.messages));
        const runs = await inRounds(size.pairs, work);
        sheet.add(
          `per_second: ${name}`,
          runs.map(({ perSecond }) => perSecond),
          '/s',
        );
        sheet.add(`cpu_us: ${name}`, runs.map(cpuUs), 'µs');
      }
    }),
};
