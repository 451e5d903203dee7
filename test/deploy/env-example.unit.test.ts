import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { apiEnv } from '../../apps/api/src/env.ts';
import { workerEnv } from '../../apps/worker/src/env.ts';

const EXAMPLE = readFileSync(join(import.meta.dirname, '../../.env.example'), 'utf8');
const listed = new Map(
  [...EXAMPLE.matchAll(/^#?([A-Z0-9_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [
    name,
    value,
  ]),
);
const schemas = { api: apiEnv.shape, worker: workerEnv.shape };

describe('.env.example', () => {
  it('lists every variable that a process reads, and no other', () => {
    const read = Object.values(schemas).flatMap((shape) => Object.keys(shape));
    expect([...listed.keys()].sort()).toEqual([...new Set(read)].sort());
  });

  it.each(Object.entries(schemas))('shows the defaults of the %s', (_name, shape) => {
    for (const [name, field] of Object.entries(shape)) {
      const byDefault = field.safeParse(undefined);
      const shown = listed.get(name) ?? '';
      if (!byDefault.success || byDefault.data === undefined || shown === '') continue;
      expect(field.parse(shown), name).toEqual(byDefault.data);
    }
  });

  it('comments out every variable with a default', () => {
    const required = EXAMPLE.match(/^[A-Z0-9_]+(?==)/gm);
    expect(required).toEqual(['DATABASE_URL', 'REDIS_URL']);
  });
});
