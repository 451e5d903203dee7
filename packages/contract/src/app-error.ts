export type AppErrorCode =
  | 'redis_unavailable'
  | 'postgres_unavailable'
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
