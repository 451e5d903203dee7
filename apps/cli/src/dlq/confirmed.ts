import { createInterface } from 'node:readline/promises';
import type { Cli } from '../cli.ts';

/** Asks on the terminal. Anything but a yes is a no, and so are Ctrl-C and Ctrl-D. */
export async function confirmed(question: string, { stdin, screen }: Cli): Promise<boolean> {
  const lines = createInterface({ input: stdin, output: screen });
  const left = new AbortController();
  lines.on('SIGINT', () => left.abort());
  lines.on('close', () => left.abort());
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: left.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    screen.write('\n');
    return false;
  } finally {
    lines.close();
  }
}
