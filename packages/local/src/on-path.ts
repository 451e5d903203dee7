import { runTool } from './run-tool.ts';

/** Where a program is that is called by its name alone. */
export async function onPath(name: string): Promise<string | undefined> {
  const found = await runTool('sh', ['-c', `command -v ${name}`]).catch(() => '');
  return found.trim() || undefined;
}
