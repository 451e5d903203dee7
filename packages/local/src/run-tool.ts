import { execFile } from 'node:child_process';

const TOOL_TIMEOUT_MS = 180_000;

/** Runs a program of the system to its end and returns its output. */
export function runTool(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const bounded = { ...options, timeout: TOOL_TIMEOUT_MS, maxBuffer: 1 << 26 };
  return new Promise((resolve, reject) => {
    execFile(command, args, bounded, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const reason = stderr.trim().split('\n').slice(-3).join(' ') || error.message;
      reject(new Error(`${command} ${args.at(-1)}: ${reason}`, { cause: error }));
    });
  });
}

/** The path of a program on PATH. */
export async function onPath(name: string): Promise<string | undefined> {
  const found = await runTool('sh', ['-c', `command -v ${name}`]).catch(() => '');
  return found.trim() || undefined;
}
