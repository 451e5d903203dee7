export type AppErrorCode =
  | 'redis_unavailable'
  | 'postgres_unavailable'
  /** A lock was not free in time or a statement took too long. Other work may succeed meanwhile. */
  | 'postgres_busy'
  /** Another transaction has changed what this one had read. The caller rolls back and starts again. */
  | 'lost_race'
  /** The message was not tried, because it waits for another one that could not be resolved. */
  | 'not_tried'
  | 'neo4j_unavailable'
  | 'unexpected';

/** The error that adapters throw. Its message is safe to show. */
export class AppError extends Error {
  readonly code: AppErrorCode;

  constructor(code: AppErrorCode, message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'AppError';
    this.code = code;
  }
}
