import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';

type Argument = string | number;

/** A Lua script. Redis keeps it by its SHA-1, so its text is sent only to a Redis that does not know it yet. */
export interface Script {
  run(client: Redis, keys: readonly string[], args?: readonly Argument[]): Promise<unknown>;
  /** As `run`, with buffers in place of strings. */
  runForBuffers(
    client: Redis,
    keys: readonly string[],
    args?: readonly Argument[],
  ): Promise<unknown>;
}

const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT');

/** Loads a script from a folder. Parts, which define functions that it needs, come before it. */
export function loadScript(folder: string, ...files: string[]): Script {
  const text = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n');
  const sha = createHash('sha1').update(text).digest('hex');

  async function run<Reply>(call: (command: string, script: string) => Promise<Reply>) {
    try {
      return await call('EVALSHA', sha);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return call('EVAL', text);
    }
  }

  return {
    run: (client, keys, args = []) =>
      run((command, script) => client.call(command, script, keys.length, ...keys, ...args)),
    runForBuffers: (client, keys, args = []) =>
      run((command, script) => client.callBuffer(command, script, keys.length, ...keys, ...args)),
  };
}
