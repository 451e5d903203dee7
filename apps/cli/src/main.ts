#!/usr/bin/env node
import { EXIT, explain } from './cli.ts';
import { runContour } from './program.ts';

process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  // EPIPE: the reader of the output has ended, as in `contour dlq list | head`. That is no problem.
  if (error.code !== 'EPIPE') process.stderr.write(`contour: ${explain(error)}\n`);
  process.exit(EXIT.failed);
});

const streams = {
  env: process.env,
  stdin: process.stdin,
  screen: process.stderr,
  say: (line: string) => void process.stdout.write(`${line}\n`),
};

process.exitCode = await runContour(streams, process.argv.slice(2));
