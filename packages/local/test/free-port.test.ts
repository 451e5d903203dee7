import { createServer } from 'node:net';
import { freePort, portIsFree } from '@contour/local';
import { expect, test } from 'vitest';

test('a preferred port is returned only while it is free', async () => {
  const port = await freePort();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  expect(await portIsFree(port)).toBe(false);
  expect(await freePort(port)).not.toBe(port);
  await new Promise((resolve) => server.close(resolve));
  expect(await freePort(port)).toBe(port);
});
