import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../apps/cli/dist/main.js', import.meta.url));

export type Ran = { code: number | string | null; stdout: string; stderr: string };

/** Runs the built command with exactly the given environment and input. */
export function runContour(
  args: readonly string[],
  env: Record<string, string> = {},
  input: string | Buffer = '',
  /** Kills it, with -9. */
  signal?: AbortSignal,
): Promise<Ran> {
  return new Promise((resolve) => {
    const how = { env, signal, killSignal: 'SIGKILL' } as const;
    const child = execFile(process.execPath, [MAIN, ...args], how, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? null) : 0, stdout, stderr });
    });
    // A command that does not read its input may end before the input is written.
    child.stdin?.on('error', () => undefined).end(input);
  });
}
