import type { z } from 'zod';

/** All that is wrong with the environment, one line each. Names variables, never their values. */
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

  const faults = parsed.error.issues.map(({ path, message }): [string, string] => {
    const name = String(path[0] ?? '');
    return [name, name === '' || name in given ? message : 'is required'];
  });
  // One variable may be malformed in several ways: they belong on lines of their own, but each once.
  const width = Math.max(...faults.map(([name]) => name.length));
  const lines = new Set(
    faults.map(([name, message]) => `${name.padEnd(width)}  ${message}`.trim()),
  );
  throw new EnvError([...lines].join('\n'));
}
