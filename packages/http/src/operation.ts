import type { RouteShorthandOptions } from 'fastify';
import { z } from 'zod';
import type { Problem } from './problems.ts';

/**
 * How a route is documented: an OpenAPI operation that holds zod schemas where OpenAPI has JSON Schemas.
 * GET /openapi.json is made from the operations of all routes.
 */
export interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  security: Security;
  /** Parameters that no schema checks: of the path and in headers. */
  parameters?: object[];
  /** The schema that checks the query. */
  query?: z.ZodObject;
  requestBody?: Body;
  responses: Record<number | string, Answer>;
}

type Security = Array<Record<string, string[]>>;
type Answer = object;
type Examples = Record<string, unknown>;
type Schema = z.ZodType | object;

interface Body {
  required: boolean;
  content: Record<string, object>;
}

/** The credentials that an operation accepts. */
export const OPEN: Security = [];
export const SENDERS: Security = [{ apiKey: [] }, { adminKey: [] }];
export const OPERATORS: Security = [{ adminKey: [] }];

const OPERATION = Symbol('operation');

/** The options of a route that put it into the reference: `app.get('/path', { onRequest: guard, ...documented({…}) }, …)`. */
export const documented = (operation: Operation): RouteShorthandOptions => ({
  config: { [OPERATION]: operation } as RouteShorthandOptions['config'] & object,
});

export const operationOf = (config: object | undefined): Operation | undefined =>
  (config as { [OPERATION]?: Operation } | undefined)?.[OPERATION];

/** Names of schemas that the reference holds once and refers to. */
const names = z.registry<{ id: string }>();

export function named<S extends z.ZodType>(id: string, schema: S): S {
  names.add(schema, { id });
  return schema;
}

export const nameOf = (schema: z.ZodType): string | undefined => names.get(schema)?.id;

type ComponentKind = 'schemas' | 'headers' | 'responses';

export const refTo = (kind: ComponentKind, name: string) => ({
  $ref: `#/components/${kind}/${name}`,
});

const byName = (examples: Examples) =>
  Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]));

function answer(
  type: string,
  description: string,
  schema: Schema,
  examples: Examples,
  headers: string[],
): Answer {
  const refs = headers.map((name) => [name, refTo('headers', name)]);
  return {
    description,
    ...(refs.length === 0 ? {} : { headers: Object.fromEntries(refs) }),
    content: { [type]: { schema, examples: byName(examples) } },
  };
}

/** An answer in JSON, with true examples. */
export const json = (
  description: string,
  schema: Schema,
  examples: Examples,
  headers: string[] = [],
): Answer => answer('application/json', description, schema, examples, headers);

/** A refusal. */
export const problems = (
  description: string,
  examples: Record<string, Problem>,
  headers: string[] = [],
): Answer =>
  answer(
    'application/problem+json',
    description,
    refTo('schemas', 'Problem'),
    { ...examples },
    headers,
  );

/** An answer that is not JSON. */
export const text = (
  type: string,
  description: string,
  example: string,
  headers: string[] = [],
): Answer => answer(type, description, { type: 'string' }, { example }, headers);

export const jsonBody = (schema: Schema, examples: Examples, required: boolean): Body => ({
  required,
  content: { 'application/json': { schema, examples: byName(examples) } },
});

/** An answer that several operations have in common. */
export const shared = (
  name: 'NoApiKey' | 'NoAdminKey' | 'TooLarge' | 'NotJson' | 'Internal' | 'Unavailable',
): Answer => refTo('responses', name);
