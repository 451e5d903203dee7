import { z } from 'zod';

/** Every fault of the environment, one per line. Contains names of variables, never their values. */
export class EnvError extends Error {
  override readonly name = 'EnvError';
}

/** Parses the environment once; an empty variable counts as absent. Throws EnvError. */
export function readEnv<S extends z.ZodObject>(
  schema: S,
  source: Record<string, string | undefined>,
): Readonly<z.infer<S>> {
  const present = Object.entries(source).filter(([, value]) => value !== undefined && value !== '');
  const given = Object.fromEntries(present);
  const parsed = schema.safeParse(given);
  if (parsed.success) return Object.freeze(parsed.data);

  const faults = parsed.error.issues.map(({ path, message, code }): [string, string] => {
    const name = String(path[0] ?? '');
    const isOurs = name === '' || name in given || code === 'custom';
    return [name, isOurs ? message : 'is required'];
  });
  // One variable may have the same fault several times.
  const width = Math.max(...faults.map(([name]) => name.length));
  const lines = new Set(
    faults.map(([name, message]) => `${name.padEnd(width)}  ${message}`.trim()),
  );
  throw new EnvError([...lines].join('\n'));
}

// No message below contains a value: it may be a secret, or a secret in the wrong place.

/** Node fires a timer with a longer delay at once. */
const MAX_INT = 2 ** 31 - 1;

/** A URL that begins with one of `protocols`, such as `redis:`; stays a string. */
export function url(protocols: readonly string[]) {
  const beginnings = protocols.map((protocol) => `${protocol}//`);
  const fits = (text: string) =>
    URL.canParse(text) && beginnings.some((beginning) => text.startsWith(beginning));
  return z.string().refine(fits, `must be a URL that begins with ${beginnings.join(' or ')}`);
}

/** The graph's address. Spread it into the schema of every process that connects to the graph. */
export const neo4jFields = {
  NEO4J_URI: url(['bolt:', 'bolt+s:', 'bolt+ssc:', 'neo4j:', 'neo4j+s:', 'neo4j+ssc:']).optional(),
  NEO4J_USER: z.string().default('neo4j'),
  NEO4J_PASSWORD: z.string().optional(),
};

type GraphEnv = z.infer<z.ZodObject<typeof neo4jFields>>;

type Neo4jOptions = Record<'uri' | 'user', string> & { password: string | undefined };

/** The options of a connection to the graph; undefined if there is no graph. */
export function neo4jOf(env: GraphEnv & { NEO4J_URI: string }): Neo4jOptions;
export function neo4jOf(env: GraphEnv): Neo4jOptions | undefined;
export function neo4jOf(env: GraphEnv): Neo4jOptions | undefined {
  const { NEO4J_URI: uri, NEO4J_USER: user, NEO4J_PASSWORD: password } = env;
  return uri === undefined ? undefined : { uri, user, password };
}

export const nodeEnv = oneOf(['development', 'test', 'production'], 'development');

/** A setting that may be left out or empty except in production. Check it in a schema that has `nodeEnv` as NODE_ENV. */
export const requiredInProduction = <Name extends string>(
  name: Name,
  error = 'is required in production',
) =>
  z.refine<{ NODE_ENV: string } & { [N in Name]?: { length: number } | undefined }>(
    (env) => env.NODE_ENV !== 'production' || (env[name]?.length ?? 0) > 0,
    // Checked also if another setting is wrong, so that every fault is named at once.
    { path: [name], error, when: () => true },
  );

/** The value of CORE_URL that asks for the console: messages are printed, and count as delivered. */
export const CONSOLE = 'console';

/** Where messages go. Spread them into the schema of a process that delivers, and check `coreInProduction`. */
export const coreFields = {
  CORE_URL: z
    .string()
    .refine(
      (text) => text === CONSOLE || url(['http:', 'https:']).safeParse(text).success,
      `must be a URL that begins with http:// or https://, or ${CONSOLE}`,
    )
    .optional(),
  NODE_ENV: nodeEnv,
};

/** In production messages are printed and count as delivered only on request. */
export const coreInProduction = requiredInProduction(
  'CORE_URL',
  `is required in production: the address of Core, or ${CONSOLE} to print the messages`,
);

/** How long a delivered message is kept. The worker deletes by it, and the audit checks it. */
export const retentionFields = {
  RETENTION_DAYS: positiveInt(30),
};

/** `name=value,name=value` with percent-encoded values; the message shows neither. */
function headerList() {
  return z
    .string()
    .transform((text, context): Record<string, string> => {
      const entries = text.split(',').map((entry) => /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(entry));
      try {
        const headers = new Headers();
        for (const [, name = '', value = ''] of entries.map((entry) => entry ?? [])) {
          headers.append(name, decodeURIComponent(value));
        }
        return Object.fromEntries(headers);
      } catch {
        context.addIssue({ code: 'custom', message: 'must be name=value,name=value' });
        return z.NEVER;
      }
    })
    .default({});
}

const hasNoUser = (text: string) => {
  if (!URL.canParse(text)) return true;
  const { username, password } = new URL(text);
  return username === '' && password === '';
};

const isRatio = (text: string) => /^(0|1|0?\.\d+|1\.0+)$/.test(text);

/** The settings of tracing, with OpenTelemetry's names. Spread them into the schema of a process that makes spans. */
export const tracingFields = {
  OTEL_EXPORTER_OTLP_ENDPOINT: url(['http:', 'https:'])
    .refine(hasNoUser, 'must hold no user: credentials go into OTEL_EXPORTER_OTLP_HEADERS')
    .optional(),
  OTEL_EXPORTER_OTLP_HEADERS: headerList(),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .refine(isRatio, 'must be a number from 0 to 1')
    .transform(Number)
    .default(1),
};

export type TracingEnv = Readonly<z.infer<z.ZodObject<typeof tracingFields>>>;

/** A TCP port; 0 lets the system choose. */
export function port() {
  return integer(0, 65_535);
}

export function positiveInt(fallback: number) {
  return integer(1, MAX_INT).default(fallback);
}

export function nonNegativeInt(fallback: number) {
  return integer(0, MAX_INT).default(fallback);
}

/** `true`, `1`, `false` or `0`. */
export function flag(fallback: boolean) {
  return z
    .enum(['true', '1', 'false', '0'], 'must be true or false')
    .transform((text) => text === 'true' || text === '1')
    .default(fallback);
}

export function oneOf<const T extends string>(values: readonly T[], fallback: NoInfer<T>) {
  return z.enum(values, `must be one of ${values.join(', ')}`).default(fallback);
}

/** A comma-separated choice from `values`; all of them by default. */
export function listOf<const T extends string>(values: readonly T[]) {
  const known: readonly string[] = values;
  return z
    .string()
    .transform((text) => [...new Set(entriesOf(text))])
    .refine(
      (names): names is T[] => names.length > 0 && names.every((name) => known.includes(name)),
      `must be a list of ${values.join(', ')}`,
    )
    .default([...values]);
}

export interface NamedKey {
  name: string;
  key: string;
}

/** `name:key,name:key`; empty by default. A fault names the entry by its place, because the entry holds a key. */
export function keyList() {
  return z
    .string()
    .transform((text, context): NamedKey[] => {
      const placeOfName = new Map<string, number>();
      return entriesOf(text).flatMap((entry, index) => {
        const place = index + 1;
        const fault = (message: string): [] => {
          context.addIssue({ code: 'custom', message });
          return [];
        };
        const [, name, key] = /^([\w.-]+):([\x21-\x7e]+)$/.exec(entry) ?? [];
        if (name === undefined || key === undefined) return fault(`entry ${place} is not name:key`);
        const earlier = placeOfName.get(name);
        if (earlier !== undefined) return fault(`entry ${place} has the name of entry ${earlier}`);
        placeOfName.set(name, place);
        return [{ name, key }];
      });
    })
    .default([]);
}

function integer(min: number, max: number) {
  return z
    .string()
    .refine((text) => /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max, {
      message: `must be a whole number from ${min} to ${max}`,
    })
    .transform(Number);
}

function entriesOf(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
