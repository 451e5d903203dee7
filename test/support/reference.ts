import { isUuid } from '@contour/contract';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

type Json = Record<string, unknown>;

interface Content {
  schema: object;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

interface Documented {
  $ref?: string;
  description: string;
  headers?: Record<string, object>;
  content?: Record<string, Content>;
}

interface Operation {
  operationId: string;
  parameters?: Array<{ name: string; schema: object; example?: unknown }>;
  requestBody?: { content: Record<string, Content> };
  responses: Record<string, Documented>;
}

export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  webhooks: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; responses: Record<string, Documented> };
}

/** One status of one operation in the reference. */
interface Place {
  operationId: string;
  status: string;
  response: Documented;
}

export const operationsOf = ({ paths, webhooks }: OpenApi): Operation[] =>
  [...Object.values(paths), ...Object.values(webhooks)].flatMap((item) => Object.values(item));

function at(document: OpenApi, pointer: string): unknown {
  const steps = pointer.replace(/^#\//, '').split('/');
  return steps.reduce<unknown>((node, step) => (node as Json)[step], document);
}

export function placesOf(document: OpenApi): Place[] {
  return operationsOf(document).flatMap(({ operationId, responses }) =>
    Object.entries(responses).map(([status, response]) => ({
      operationId,
      status,
      response: response.$ref ? (at(document, response.$ref) as Documented) : response,
    })),
  );
}

export const examplesOf = ({ example, examples = {} }: Content): Array<[string, unknown]> => [
  ...(example === undefined ? [] : ([['example', example]] as Array<[string, unknown]>)),
  ...Object.entries(examples).map(([name, { value }]): [string, unknown] => [name, value]),
];

/** A copy of a schema that allows no fields other than the named ones. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  const isNamed = typeof copy.properties === 'object' && !('additionalProperties' in copy);
  return isNamed ? { ...copy, additionalProperties: false } : copy;
}

/**
 * Validates against the schemas of a reference. `isClosed` also refuses undocumented fields, as is right
 * for answers.
 */
export function validatorsOf(document: OpenApi, { isClosed }: { isClosed: boolean }) {
  const ajv = new Ajv2020({
    allErrors: true,
    strict: false,
    formats: { uuid: isUuid, 'date-time': (time: string) => !Number.isNaN(Date.parse(time)) },
  });
  const { schemas } = document.components;
  ajv.addSchema({
    $id: 'reference',
    components: { schemas: isClosed ? closed(schemas) : schemas },
  });
  const known = new Map<object, ValidateFunction>();

  /** The faults of a value. Empty if it is valid. */
  return (schema: object, value: unknown): string[] => {
    const whole = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"reference#/'));
    const validate = known.get(schema) ?? ajv.compile(isClosed ? (closed(whole) as object) : whole);
    known.set(schema, validate);
    validate(value);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}
