import type { Problem } from '@contour/contract';
import { refTo } from './json-schema.ts';

export interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  tags: string[];
  security: Array<Record<string, string[]>>;
  parameters?: unknown[];
  requestBody?: unknown;
  responses: Record<string, unknown>;
}

export type PathItem = Partial<Record<'get' | 'post' | 'delete', Operation>>;

const withHeaders = (names: string[]) =>
  names.length === 0
    ? {}
    : { headers: Object.fromEntries(names.map((name) => [name, refTo('headers', name)])) };

const named = (examples: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]));

function answer(type: string) {
  return (
    description: string,
    schema: object,
    examples: Record<string, unknown>,
    headers: string[] = [],
  ) => ({
    description,
    ...withHeaders(headers),
    content: { [type]: { schema, examples: named(examples) } },
  });
}

/** An answer in JSON, with the name of its schema and true examples. */
export function json(
  description: string,
  schema: string,
  examples: Record<string, unknown>,
  headers: string[] = [],
) {
  return answer('application/json')(description, refTo('schemas', schema), examples, headers);
}

/** A no. */
export function problems(
  description: string,
  examples: Record<string, Problem>,
  headers: string[] = [],
) {
  return answer('application/problem+json')(
    description,
    refTo('schemas', 'Problem'),
    examples,
    headers,
  );
}

/** An answer that is no JSON value of ours. */
export function text(type: string, description: string, example: string, headers: string[] = []) {
  return answer(type)(description, { type: 'string' }, { example }, headers);
}

export const jsonBody = (schema: object, examples: Record<string, unknown>, required: boolean) => ({
  required,
  content: { 'application/json': { schema, examples: named(examples) } },
});

/** Who may ask. */
export const OPEN: Operation['security'] = [];
export const SENDERS: Operation['security'] = [{ apiKey: [] }, { adminKey: [] }];
export const OPERATORS: Operation['security'] = [{ adminKey: [] }];
