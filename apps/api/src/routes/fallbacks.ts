import type { FastifyInstance } from 'fastify';
import { notFound, ProblemError } from '../problem-error.ts';

interface KnownPath {
  pattern: RegExp;
  methods: Set<string>;
}

/** Tells a path that exists under other methods (405, or the answer to OPTIONS) from one that does not. */
export function answerTheRest(app: FastifyInstance): void {
  const paths = new Map<string, KnownPath>();

  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return;
    const pattern = new RegExp(`^${url.replace(/:[^/]+/g, '[^/]+')}$`);
    const known = paths.get(url) ?? { pattern, methods: new Set<string>() };
    for (const name of [method].flat()) known.methods.add(name.toUpperCase());
    paths.set(url, known);
  });

  function methodsOf(url: string): string[] {
    const path = url.split('?', 1)[0] ?? '';
    const methods = [...paths.values()]
      .filter(({ pattern }) => pattern.test(path))
      .flatMap((known) => [...known.methods]);
    return [...new Set(methods)];
  }

  app.setNotFoundHandler(async (request, reply) => {
    const methods = methodsOf(request.url);
    if (methods.length === 0) throw notFound('There is no such path.');
    const headers = { allow: methods.join(', ') };
    if (request.method === 'OPTIONS') return reply.code(204).headers(headers).send();
    throw new ProblemError('method_not_allowed', {
      detail: `This path knows ${methods.join(', ')}.`,
      headers,
    });
  });
}
