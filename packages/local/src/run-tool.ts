import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const TOOL_TIMEOUT_MS = 180_000;
const execute = promisify(execFile);

/** Runs a program of the system to its end and returns its output. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const bounded = { ...options, timeout: TOOL_TIMEOUT_MS, maxBuffer: 1 << 26 };
  const { stdout } = await execute(command, args, bounded).catch((cause) => {
    const reason = cause.stderr?.trim().split('\n').slice(-3).join(' ') || cause.message;
    throw new Error(`${command} ${args.at(-1)}: ${reason}`, { cause });
  });
  return stdout;
}

/** The path of a program on PATH. */
export async function onPath(name: string): Promise<string | undefined> {
  const found = await runTool('sh', ['-c', `command -v ${name}`]).catch(() => '');
  return found.trim() || undefined;
}
