import {
  type DestinationStream,
  type Logger,
  type LoggerOptions as LoggerSettings,
  pino,
} from 'pino';
import { serializeError } from './serialize-error.ts';

export type { Logger };

/** What LOG_LEVEL may be. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export interface LoggerOptions {
  level: (typeof LOG_LEVELS)[number];
  name: string;
  destination?: DestinationStream;
}

/**
 * Where a credential would stand if a message or a request were ever logged; nothing is meant to log one.
 * Named paths: each wildcard would cost every line many times what writing it does (20 to 70 µs for 2).
 */
const CREDENTIALS = ['bot_token', 'profile_id', 'group_id', 'user_id', 'bot_id', 'authorization'];
const PARENTS = ['', 'message.', 'body.', 'data.', 'headers.', 'req.headers.', 'req.body.'];
const REDACTED_PATHS = CREDENTIALS.flatMap((field) => PARENTS.map((parent) => parent + field));

const WARN = pino.levels.values.warn ?? 0;

/**
 * Lines are written many at a time: each write costs more than the line in it. They wait for 100 ms at most, and
 * for nothing when one of them is a warning or worse, or when the process ends by itself.
 */
function gatheringStdout() {
  const stdout = pino.destination({ dest: 1, sync: true, minLength: 8_192, periodicFlush: 100 });
  // Not flushSync: where nobody reads any more, it tries for ever.
  process.on('exit', () => stdout.flush());
  return stdout;
}

/**
 * One line of JSON per event: a constant message such as `delivery.attempted`, everything that varies in
 * fields, an error under `err`.
 */
export function createLogger({ level, name, destination }: LoggerOptions): Logger {
  const stdout = destination === undefined ? gatheringStdout() : undefined;
  const options: LoggerSettings = {
    level,
    base: { name, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: serializeError, error: serializeError },
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
    hooks: {
      logMethod(args, method, value) {
        method.apply(this, args);
        if (value >= WARN) stdout?.flush();
      },
    },
  };
  return pino(options, destination ?? stdout);
}
