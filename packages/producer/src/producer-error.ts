/*
 * | code              | what happened                              | what to do                      |
 * | redis_unavailable | not known to be accepted within timeoutMs  | send it again: it counts once   |
 * | buffer_full       | not taken: too many are on their way       | wait for some, then send again  |
 * | closed            | not known to be accepted before close()    | send it again, elsewhere        |
 * | invalid           | never sent: it could not be resolved       | mend it                         |
 */
export type ProducerErrorCode = 'redis_unavailable' | 'buffer_full' | 'closed' | 'invalid';

/** Why a message is not known to be accepted. It never holds the message. */
export class ProducerError extends Error {
  override readonly name = 'ProducerError';
  readonly code: ProducerErrorCode;

  constructor(code: ProducerErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
