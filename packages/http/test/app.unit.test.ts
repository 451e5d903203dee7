import { PROBLEMS } from '@contour/contract';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createHttpApp, createTurns } from '../src/app.ts';
import { docsRoutes } from '../src/docs.ts';
import { documented, json, named, OPERATORS, shared } from '../src/operation.ts';
import { ProblemError, parseOrRefuse } from '../src/problems.ts';

const TABLE = { ...PROBLEMS, tool_denied: { status: 403, title: 'The tool is not allowed' } };
const silent = { debug() {}, info() {}, error() {} };

/** A service of its own, with one documented endpoint. */
function service() {
  const app = createHttpApp({ logger: silent, problems: TABLE, isLeaving: () => false });
  onTestFinished(() => app.close());
  docsRoutes(app, {
    info: { title: 'Tools', version: '1.0.0', description: 'Calls tools.' },
    tags: [{ name: 'Tools', description: 'For operators.' }],
    problems: TABLE,
    headers: {},
    webhooks: {},
    refine: {},
  });
  const call = named('Call', z.object({ name: z.string() }));
  const query = z.strictObject({ name: z.string({ error: 'is required' }) });
  const operation = documented({
    operationId: 'getCall',
    summary: 'A call',
    tags: ['Tools'],
    security: OPERATORS,
    query,
    responses: { 200: json('The call.', call, { one: { name: 'a' } }), 401: shared('NoAdminKey') },
  });
  app.get('/calls/:id', operation, async (request) => {
    const { name } = parseOrRefuse(query, request.query);
    if (name === 'denied') {
      throw new ProblemError<keyof typeof TABLE>('tool_denied', { detail: 'Not for this caller.' });
    }
    return { name };
  });
  return app;
}

test('a service answers with the statuses of its own problem table', async () => {
  const answer = await service().inject('/calls/1?name=denied');
  expect(answer.statusCode).toBe(403);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json()).toMatchObject({
    type: 'urn:contour:problem:tool_denied',
    title: 'The tool is not allowed',
    status: 403,
    detail: 'Not for this caller.',
  });
});

test('a query is checked by the schema that documents it', async () => {
  const answer = await service().inject('/calls/1?colour=red');
  expect(answer.json()).toMatchObject({
    status: 400,
    detail: 'name: is required; 1 of 2 faults',
    errors: [
      { path: 'name', message: 'is required' },
      { path: 'colour', message: 'is not known here' },
    ],
  });
});

test('the reference holds the documented routes, and the components that they use', async () => {
  const { paths, components } = (await service().inject('/openapi.json')).json();
  expect(paths['/calls/{id}'].get).toMatchObject({
    operationId: 'getCall',
    parameters: [{ name: 'name', in: 'query', required: true, schema: { type: 'string' } }],
    responses: {
      200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Call' } } } },
      401: { $ref: '#/components/responses/NoAdminKey' },
    },
  });
  expect(Object.keys(components.schemas)).toEqual(['Call', 'Problem']);
  expect(Object.keys(components.responses)).toEqual(['NoAdminKey']);
  expect(Object.keys(components.headers)).toEqual(['WWW-Authenticate', 'ETag']);
});

function workFor(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('turns come in the order of the calls, and other work is done between two', async () => {
  const turn = createTurns();
  const done: string[] = [];
  const works = ['a', 'b'].map((name) => turn().then(() => done.push(name)));
  setImmediate(() => done.push('other work'));
  await Promise.all(works);
  expect(done).toEqual(['a', 'other work', 'b']);
});

test('a turn is followed by a rest as long as its work', async () => {
  const turn = createTurns();
  const first = turn().then(() => {
    workFor(40);
    return performance.now();
  });
  const second = turn().then(() => performance.now());
  expect((await second) - (await first)).toBeGreaterThan(35);
});
