import { CHANNEL_CODES, PROBLEMS, type ProblemCode } from '@contour/contract';
import { createCounter, createHistogram, perKey } from '@contour/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import { notesOf } from '../request-notes.ts';

/** Counts an answer to POST /resolve, once it is sent. */
export type CountAnswer = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

const CODES = Object.keys(PROBLEMS) as ProblemCode[];

/** Every answer is either counted as accepted or, by its code, as refused; together they are all. */
export function createIntakeMetrics(registry: Registry): CountAnswer {
  const accepted = createCounter(registry, {
    name: 'contour_accepted_total',
    help: 'Messages whose sender was told that they are accepted (200 and 202), repeats included.',
    labelNames: ['channel', 'way'],
  });
  const refused = createCounter(registry, {
    name: 'contour_refused_total',
    help: 'Answers to POST /resolve that are not an acceptance, by the code of the problem.',
    labelNames: ['code'],
  });
  const seconds = createHistogram(registry, {
    name: 'contour_answer_seconds',
    help: 'How long POST /resolve took to answer, whatever it answered.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  })();
  const acceptedOf = perKey(CHANNEL_CODES, (channel) => accepted(channel, 'http'));
  const refusedOf = perKey(CODES, (code) => refused(code));

  return async (request, reply) => {
    const { channel, code } = notesOf(request);
    seconds.observe(reply.elapsedTime / 1000);
    if (reply.statusCode < 300 && channel !== undefined) acceptedOf[channel].inc();
    else refusedOf[(code ?? 'internal') as ProblemCode].inc();
  };
}
