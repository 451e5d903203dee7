import { CHANNEL_CODES, type Channel, PROBLEMS, type ProblemCode } from '@contour/contract';
import { createCounter, createHistogram, perKey } from '@contour/runtime';
import type { Registry } from 'prom-client';

/** An answer to POST /resolve. */
interface Answered {
  /** Undefined if the body could not be read. */
  channel: Channel | undefined;
  /** The code of its problem. */
  code: string | undefined;
  status: number;
  ms: number;
}

export type CountAnswer = (answered: Answered) => void;

const CODES = Object.keys(PROBLEMS) as ProblemCode[];

/** Every answer is counted once: as accepted, or as refused by its code. */
export function createIntakeMetrics(registry: Registry): CountAnswer {
  const accepted = createCounter(registry, {
    name: 'contour_accepted_total',
    help: 'Messages that were accepted (200 and 202), duplicates included.',
    labelNames: ['channel', 'way'],
  });
  const refused = createCounter(registry, {
    name: 'contour_refused_total',
    help: 'Answers to POST /resolve that are not an acceptance, by the code of the problem.',
    labelNames: ['code'],
  });
  const seconds = createHistogram(registry, {
    name: 'contour_answer_seconds',
    help: 'Time from a request of POST /resolve to its answer, in seconds.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  })();
  const acceptedOf = perKey(CHANNEL_CODES, (channel) => accepted(channel, 'http'));
  const refusedOf = perKey(CODES, (code) => refused(code));

  return ({ channel, code, status, ms }) => {
    seconds.observe(ms / 1000);
    if (status < 300 && channel !== undefined) acceptedOf[channel].inc();
    else refusedOf[(code ?? 'internal') as ProblemCode].inc();
  };
}
