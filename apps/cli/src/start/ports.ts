import { readFile, writeFile } from 'node:fs/promises';
import { freePort } from '@contour/local';
import { becomesFree } from './listen-port.ts';

const DEFAULTS = { postgres: 8774, redis: 8775, neo4j: 8776 };
export type EmbeddedPorts = typeof DEFAULTS;

/** The ports of the embedded servers: those of the last run, or others where they are taken. */
export async function embeddedPorts(file: string): Promise<EmbeddedPorts> {
  const remembered = { ...DEFAULTS, ...(await read(file)) };
  const pick = async (port: number) => ((await becomesFree(port)) ? port : freePort());
  const [postgres, redis, neo4j] = await Promise.all([
    pick(remembered.postgres),
    pick(remembered.redis),
    pick(remembered.neo4j),
  ]);
  const ports = { postgres, redis, neo4j };
  await writeFile(file, `${JSON.stringify(ports)}\n`);
  return ports;
}

async function read(file: string): Promise<Partial<EmbeddedPorts>> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return {}; // the first run, or a file cut off by a crash
  }
}
