import { CHANNEL_CODES, PROBLEMS, type ProblemCode } from '@contour/contract';
import { countOf, perKey } from '@contour/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Counter, Histogram, type Registry } from 'prom-client';
import { notesOf } from '../request-notes.ts';

/** Counts an answer to POST /resolve, once it is sent. */
export type CountAnswer = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

const CODES = Object.keys(PROBLEMS) as ProblemCode[];

/** Every answer is either counted as accepted or, by its code, as refused; together they are all. */
export function createIntakeMetrics(registry: Registry): CountAnswer {
  const registers = [registry];
  const accepted = new Counter({
    name: 'contour_accepted_total',
    help: 'Messages whose sender was told that they are accepted (200 and 202), repeats included.',
    labelNames: ['channel', 'way'],
    registers,
  });
  const refused = new Counter({
    name: 'contour_refused_total',
    help: 'Answers to POST /resolve that are not an acceptance, by the code of the problem.',
    labelNames: ['code'],
    registers,
  });
  const seconds = new Histogram({
    name: 'contour_answer_seconds',
    help: 'How long POST /resolve took to answer, whatever it answered.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const acceptedOf = perKey(CHANNEL_CODES, (channel) => countOf(accepted, channel, 'http'));
  const refusedOf = perKey(CODES, (code) => countOf(refused, code));

  return async (request, reply) => {
    const { channel, code } = notesOf(request);
    seconds.observe(reply.elapsedTime / 1000);
    if (reply.statusCode < 300 && channel !== undefined) acceptedOf[channel].inc();
    else refusedOf[(code ?? 'internal') as ProblemCode].inc();
  };
}
