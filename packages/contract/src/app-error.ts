export type AppErrorCode =
  | 'redis_unavailable'
  | 'postgres_unavailable'
  /** A lock was not free in time or a statement took too long. Other work may succeed meanwhile. */
  | 'postgres_busy'
  /** Another transaction has changed what this one had read. The caller rolls back and starts again. */
  | 'lost_race'
  /** The message was not tried: it waits behind another one that could not be resolved. */
  | 'not_tried'
  | 'neo4j_unavailable'
  | 'unexpected';

/** The one error that adapters throw: a closed code, a message safe to show, always the cause. */
export class AppError extends Error {
  readonly code: AppErrorCode;

  constructor(code: AppErrorCode, message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'AppError';
    this.code = code;
  }
}
