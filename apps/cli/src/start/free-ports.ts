import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, portIsFree } from '@contour/local';

const DEFAULTS = { postgres: 8774, redis: 8775, neo4j: 8776 };
export type EmbeddedPorts = typeof DEFAULTS;

const POLL_MS = 100;
// After a kill -9, the processes of the former run may hold their ports for this time.
const FORMER_RUN_MS = 3_000;

/** The port of a setting, once it is free. Throws with advice if it stays in use. */
export async function listenPort(name: string, host: string, port: number): Promise<number> {
  if (port === 0) return freePort();
  if (await becomesFree(port, host)) return port;
  throw new Error(
    `Port ${port} is in use by another program. Stop that, or choose another port: ` +
      `${name}=${port + 1000} npm start`,
  );
}

async function becomesFree(port: number, host?: string): Promise<boolean> {
  for (const deadline = Date.now() + FORMER_RUN_MS; !(await portIsFree(port, host)); ) {
    if (Date.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** The ports of the embedded servers: those of the last run, or others if they are in use. */
export async function embeddedPorts(file: string): Promise<EmbeddedPorts> {
  const ports = { ...DEFAULTS, ...(await read(file)) };
  const names = Object.keys(DEFAULTS) as Array<keyof EmbeddedPorts>;
  await Promise.all(
    names.map(async (name) => {
      if (!(await becomesFree(ports[name]))) ports[name] = await freePort();
    }),
  );
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
