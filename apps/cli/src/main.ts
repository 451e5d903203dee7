#!/usr/bin/env node
import { UsageError } from './cli.ts';
import { complain, explain } from './explain.ts';
import { createProgram, run } from './program.ts';

const args = process.argv.slice(2);
const streams = {
  env: process.env,
  stdin: process.stdin,
  screen: process.stderr,
  say: (line: string) => void process.stdout.write(`${line}\n`),
};

try {
  await run(await createProgram(streams, args), args);
} catch (error) {
  complain(explain(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
