import type { QueryConfig } from 'pg';
import type { Pool, PoolClient } from '../../support/outside-pool.ts';

/** The statements sent to Postgres, as a script that can repeat them. */
export interface Recording {
  /** One PREPARE for each statement that was prepared. */
  prepares: string[];
  /** Everything else, in its order. */
  lines: string[];
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** Parameters may be binary: Postgres converts them to text. */
async function literalsOf(
  client: PoolClient,
  { text, values = [] }: QueryConfig,
): Promise<string[]> {
  if (values.length === 0) return [];
  const typeOf = (place: number) =>
    new RegExp(`\\$${place}::(\\w+(?:\\[\\])?)`).exec(text)?.[1] ?? 'text';
  const asked = values.map((_, i) => `$${i + 1}::${typeOf(i + 1)}::text as p${i}`).join(', ');
  const { rows } = await client.query(`select ${asked}`, values);
  return values.map((_, i) => {
    const literal: string | null = rows[0]?.[`p${i}`] ?? null;
    return literal === null ? 'null' : quoted(literal);
  });
}

/** Runs the work on one connection and records its statements. */
export async function recordSql(
  pool: Pool,
  work: (pool: Pool) => Promise<void>,
): Promise<Recording> {
  const known = new Map<string, string>();
  const lines: string[] = [];
  const aside = await pool.connect();
  const client = await pool.connect();
  const listening = new Proxy(client, {
    get(target, name) {
      if (name === 'release') return () => undefined;
      const value = Reflect.get(target, name);
      if (name !== 'query') return typeof value === 'function' ? value.bind(target) : value;
      return async (asked: string | QueryConfig) => {
        if (typeof asked === 'string') lines.push(asked);
        else {
          const { name: verb = '', text } = asked;
          known.set(verb, text);
          const literals = await literalsOf(aside, asked);
          lines.push(`execute ${verb}(${literals.join(', ')})`);
        }
        return target.query(asked as QueryConfig);
      };
    },
  });
  try {
    await work({ connect: async () => listening } as unknown as Pool);
  } finally {
    client.release();
    aside.release();
  }
  return {
    prepares: [...known].map(([verb, text]) => `prepare ${verb} as ${text.replace(/\s+/g, ' ')}`),
    lines: lines.map((line) => line.replace(/\n/g, ' ')),
  };
}
