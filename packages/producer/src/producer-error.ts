/*
 * | code              | meaning                                   | remedy                                 |
 * | redis_unavailable | no answer of Redis within timeoutMs       | send it again: it counts once          |
 * | buffer_full       | not sent: too many messages wait          | wait for some of them, then send again |
 * | closed            | no answer of Redis before close()         | send it again with another producer    |
 * | invalid           | not sent: it could not be resolved        | correct it                             |
 */
export type ProducerErrorCode = 'redis_unavailable' | 'buffer_full' | 'closed' | 'invalid';

/** Why a message may not have been accepted. It never contains the message. */
export class ProducerError extends Error {
  override readonly name = 'ProducerError';
  readonly code: ProducerErrorCode;

  constructor(code: ProducerErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
