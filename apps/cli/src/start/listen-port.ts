import { freePort, portIsFree } from '@contour/local';

const POLL_MS = 100;
// After a kill -9 the former run's processes may take this long to let go of their ports.
const FORMER_RUN_MS = 3_000;

/** The port that a setting names, once it is free; throws what to do when it stays taken. */
export async function listenPort(name: string, host: string, port: number): Promise<number> {
  if (port === 0) return freePort();
  if (await becomesFree(port, host)) return port;
  throw new Error(
    `Port ${port} is in use by another program. Stop that, or choose another port: ` +
      `${name}=${port + 1000} npm start`,
  );
}

/** Whether a port is free, or the former run is just about to let go of it. */
export async function becomesFree(port: number, host?: string): Promise<boolean> {
  for (const deadline = Date.now() + FORMER_RUN_MS; !(await portIsFree(port, host)); ) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return true;
}
