import { execFile } from 'node:child_process';

const TOOL_TIMEOUT_MS = 180_000;

/** Runs a program of the system to its end and returns what it printed. */
export function runTool(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      { ...options, timeout: TOOL_TIMEOUT_MS, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const said = stderr.trim().split('\n').slice(-3).join(' ');
        reject(new Error(`${command} ${args.at(-1)}: ${said || error.message}`, { cause: error }));
      },
    );
  });
}
