import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';

export type { Logger };

/** The values of LOG_LEVEL. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/**
 * The places of a credential in a message or a request, in case one is logged by mistake. Each path is named, because
 * wildcards would cost every line many times what writing it does (20 to 70 µs for two of them).
 */
const CREDENTIALS = ['bot_token', 'profile_id', 'group_id', 'user_id', 'bot_id', 'authorization'];
const PARENTS = ['', 'message.', 'body.', 'data.', 'headers.', 'req.headers.', 'req.body.'];
const REDACTED_PATHS = CREDENTIALS.flatMap((field) => PARENTS.map((parent) => parent + field));

const WARN = pino.levels.values.warn ?? 0;

/**
 * Gathers lines, because each write costs more than the line in it. Lines wait for 100 ms at most. A warning, an error
 * and the end of the process write them at once.
 */
function gatheringStdout() {
  const stdout = pino.destination({ dest: 1, sync: true, minLength: 8_192, periodicFlush: 100 });
  // Not flushSync: it would retry for ever on a pipe without a reader.
  process.on('exit', () => stdout.flush());
  return stdout;
}

/** Writes one line of JSON per event: a constant message such as `delivery.attempted`, fields, an error under `err`. */
export function createLogger({
  level,
  name,
  destination,
}: {
  level: (typeof LOG_LEVELS)[number];
  name: string;
  destination?: DestinationStream;
}): Logger {
  const stdout = destination === undefined ? gatheringStdout() : undefined;
  const options: LoggerOptions = {
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

/** An error as it is logged. */
interface SerializedError {
  type: string;
  message: string;
  code?: string | number;
  stack?: string;
  cause?: SerializedError;
  errors?: SerializedError[];
}

const MAX_DEPTH = 5;

/**
 * Keeps the fields that are known to be safe, with the causes. Other serializers copy all properties of an error, among
 * them a client's phone (`detail` of Postgres) or a whole message (`command` of Redis).
 */
function serializeError(error: unknown, depth = 0): SerializedError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const serialized: SerializedError = { type: error.name, message: error.message };
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' || typeof code === 'number') serialized.code = code;
  if (error.stack !== undefined) serialized.stack = error.stack;
  if (depth === MAX_DEPTH) return serialized;
  if (error.cause !== undefined) serialized.cause = serializeError(error.cause, depth + 1);
  if (error instanceof AggregateError) {
    serialized.errors = error.errors.map((inner) => serializeError(inner, depth + 1));
  }
  return serialized;
}

const QUIET_MS = 10_000;

/**
 * Logs errors of connections. During an outage each connection reports the same error several times a second, so the
 * same text is logged once in ten seconds, with the number of repeats since.
 */
export function logConnectionErrors(
  logger: Pick<Logger, 'warn'>,
  event: string,
  nowMs = () => performance.now(),
): (error: Error) => void {
  const seen = new Map<string, { atMs: number; repeated: number }>();
  return (err) => {
    const last = seen.get(err.message);
    const now = nowMs();
    if (last !== undefined && now - last.atMs < QUIET_MS) {
      last.repeated += 1;
      return;
    }
    // Texts may contain ever new ports and names, so the map is bounded.
    if (seen.size > 100) seen.clear();
    seen.set(err.message, { atMs: now, repeated: 0 });
    logger.warn({ err, repeated: last?.repeated ?? 0 }, event);
  };
}
