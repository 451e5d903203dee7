export type AppErrorCode =
  | 'redis_unavailable'
  | 'postgres_unavailable'
  /** A lock or the time allowed for a statement ran out: this piece of work could not be done now. */
  | 'postgres_busy'
  /** It waits behind another message that could not be resolved, and was not tried itself. */
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
