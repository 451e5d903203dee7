import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { nameOf, type Operation, operationOf, problems, refTo } from './operation.ts';
import { type HttpProblemCode, type ProblemTable, problemOf, problemSchema } from './problems.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** By path or by the name of a webhook, then by method. */
type Operations = Record<string, Record<string, Operation>>;

export interface ReferenceOptions {
  info: { title: string; version: string; description: string };
  tags: Array<{ name: string; description: string }>;
  problems: ProblemTable;
  /** Headers of answers beside those that every service has. */
  headers: Record<string, object>;
  webhooks: Operations;
  /** JSON Schemas that say more than their zod schemas, by name. */
  refine: Record<string, (schema: JsonSchema) => JsonSchema>;
}

const mapValues = <T, U>(values: Record<string, T>, map: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]));

/** Puts `null` beside what a schema accepts. A second call for the same schema changes nothing. */
function allowNull(schema: JsonSchema): void {
  if (schema.anyOf !== undefined) {
    // A new list: schemas that zod makes from one another share theirs.
    if (!schema.anyOf.some(({ type }) => type === 'null')) {
      schema.anyOf = [...schema.anyOf, { type: 'null' }];
    }
  } else if (schema.type !== undefined) {
    const types = [schema.type].flat();
    if (!types.includes('null')) schema.type = [...types, 'null'] as never;
  }
}

/** Corrects what zod cannot express, or expresses in too many words. */
function correct({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodType;
  jsonSchema: JsonSchema;
}) {
  const { def } = zodSchema._zod as z.core.$ZodTypes['_zod'];
  // The one preprocessing step of the contract reads null as absence: an optional field accepts null.
  if (def.type === 'pipe' && def.in._zod.def.type === 'transform') {
    if (def.out._zod.def.type === 'optional') allowNull(jsonSchema);
  }
  // The format is enough. The pattern beside it is four lines long.
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
}

/**
 * The JSON Schema of what goes over the wire: before defaults and transforms, and open to fields that may be added
 * later unless the zod schema itself refuses them.
 */
const TO_JSON = { io: 'input', unrepresentable: 'any', override: correct } as const;

function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, TO_JSON);
  return rest;
}

/** Schemas with names. Where one is part of another, the other refers to it. */
function namedJsonSchemas(schemas: Iterable<z.ZodType>): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const schema of schemas) registry.add(schema, { id: nameOf(schema) ?? '' });
  const uri = (id: string) => refTo('schemas', id).$ref;
  const { schemas: all } = z.toJSONSchema(registry, { ...TO_JSON, uri });
  return mapValues(all, ({ $schema: _, $id: _id, ...rest }) => rest);
}

/** A copy in which every zod schema is a JSON Schema, or a reference to one, which is added to `used`. */
function withJsonSchemas(node: unknown, used: Set<z.ZodType>): unknown {
  if (Array.isArray(node)) return node.map((inner) => withJsonSchemas(inner, used));
  if (typeof node !== 'object' || node === null) return node;
  if (node instanceof z.ZodType) {
    const name = nameOf(node);
    if (name === undefined) return jsonSchemaOf(node);
    used.add(node);
    return refTo('schemas', name);
  }
  return mapValues(node as Record<string, unknown>, (inner) => withJsonSchemas(inner, used));
}

function parametersOf({ parameters = [], query }: Operation): object[] {
  const { properties = {}, required = [] } = query === undefined ? {} : jsonSchemaOf(query);
  const inQuery = Object.entries(properties).map(([name, schema]) => {
    const { example, ...rest } = schema as JsonSchema;
    return {
      name,
      in: 'query',
      ...(required.includes(name) ? { required: true } : {}),
      schema: rest,
      ...(example === undefined ? {} : { example }),
    };
  });
  return [...parameters, ...inQuery];
}

function inOpenApi(operation: Operation): object {
  const { query: _, ...rest } = operation;
  const parameters = parametersOf(operation);
  return parameters.length === 0 ? rest : { ...rest, parameters };
}

const written = (operations: Operations) =>
  mapValues(operations, (methods) => mapValues(methods, inOpenApi));

const TRACE_ID = '0198c0de-3f2a-7c3e-9b21-0f4d7e8a9b04';

function sharedAnswers(table: ProblemTable): Record<string, object> {
  const example = (code: HttpProblemCode, detail: string) =>
    problemOf(table, code, { detail, traceId: TRACE_ID });
  const noKey = (what: string) =>
    problems(
      'No key, or a wrong one.',
      { unauthorized: example('unauthorized', `An ${what} key is required.`) },
      ['WWW-Authenticate'],
    );
  return {
    NoApiKey: noKey('API'),
    NoAdminKey: noKey('admin'),
    TooLarge: problems('The body is larger than 256 KiB.', {
      too_large: example('too_large', 'At most 256 KiB.'),
    }),
    NotJson: problems('The body is not JSON.', {
      unsupported_media_type: example('unsupported_media_type', 'Send application/json.'),
    }),
    Internal: problems('An unexpected error. Its cause is in the log, under the trace id.', {
      internal: example('internal', 'The cause is in the log of the service.'),
    }),
    Unavailable: problems(
      'A database is away, or this process is shutting down. Nothing was changed.',
      {
        redis_away: example('unavailable', 'Redis is away.'),
        postgres_away: example('unavailable', 'Postgres is away.'),
      },
      ['Retry-After'],
    ),
  };
}

export const header = (description: string, schema: object = { type: 'string' }) => ({
  description,
  schema,
});

const HEADERS = {
  'Retry-After': header('Seconds.', { type: 'string', pattern: '^[0-9]+$' }),
  'WWW-Authenticate': header('`Bearer`'),
  ETag: header('Changes when the reference does.'),
};

const bearer = (description: string) => ({ type: 'http', scheme: 'bearer', description });

const SECURITY = {
  apiKey: bearer("A sender's key: one of API_KEYS."),
  adminKey: bearer("An operator's key: one of ADMIN_KEYS. It is accepted in place of an API key."),
};

/** Collects the operations of all routes that are added after this call. Returns what writes the document. */
export function collectOperations(app: FastifyInstance, options: ReferenceOptions): () => object {
  const paths: Operations = {};
  app.addHook('onRoute', ({ url, method, config }) => {
    const operation = operationOf(config);
    if (operation === undefined || method === 'HEAD') return;
    const path = url.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [String(method).toLowerCase()]: operation };
  });
  return () => documentOf(paths, options);
}

function documentOf(paths: Operations, options: ReferenceOptions): object {
  const { info, tags, refine, problems: table } = options;
  const used = new Set<z.ZodType>();
  const operations = { paths: written(paths), webhooks: written(options.webhooks) };
  const body = withJsonSchemas(operations, used) as object;
  const schemas = { ...namedJsonSchemas(used), Problem: jsonSchemaOf(problemSchema(table)) };
  for (const [name, schema] of Object.entries(schemas)) {
    Object.assign(schemas, { [name]: refine[name]?.(schema) ?? schema });
  }
  const responses = usedIn(body, 'responses', sharedAnswers(table));
  return {
    openapi: '3.1.1',
    info: { ...info, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    tags,
    ...body,
    components: {
      schemas,
      responses,
      headers: usedIn({ body, responses }, 'headers', { ...HEADERS, ...options.headers }),
      securitySchemes: SECURITY,
    },
  };
}

/** The components that a document refers to. */
function usedIn(
  document: object,
  kind: 'responses' | 'headers',
  components: Record<string, object>,
): Record<string, object> {
  const text = JSON.stringify(document);
  return Object.fromEntries(
    Object.entries(components).filter(([name]) => text.includes(`"${refTo(kind, name).$ref}"`)),
  );
}
