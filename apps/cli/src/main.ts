#!/usr/bin/env node
import { EXIT } from './exit-code.ts';
import { explain } from './explain.ts';
import { runContour } from './run-contour.ts';

process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  // Whoever read the output has gone (`contour dlq list | head`), and needs no word about it.
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
