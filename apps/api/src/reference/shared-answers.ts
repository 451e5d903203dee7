import { problem } from './examples.ts';
import { refTo } from './json-schema.ts';
import { problems } from './parts.ts';

/** What several endpoints say in the same words. */
export const SHARED_ANSWERS = {
  NoApiKey: problems(
    'No key, or a wrong one.',
    { unauthorized: problem('unauthorized', 'This wants an API key.') },
    ['WWW-Authenticate'],
  ),
  NoAdminKey: problems(
    'No admin key.',
    { unauthorized: problem('unauthorized', 'This wants an admin key.') },
    ['WWW-Authenticate'],
  ),
  TooLarge: problems('The body is larger than 256 KiB.', {
    too_large: problem('too_large', 'At most 256 KiB.'),
  }),
  NotJson: problems('The body is not JSON.', {
    unsupported_media_type: problem('unsupported_media_type', 'Send application/json.'),
  }),
  Internal: problems('Nobody foresaw this; its cause is in the log, under the trace id.', {
    internal: problem('internal', 'The cause is in the log of the service.'),
  }),
  Unavailable: problems(
    'A database is away, or this process is shutting down. Nothing was changed.',
    {
      redis_away: problem('unavailable', 'Redis is away.'),
      postgres_away: problem('unavailable', 'Postgres is away.'),
    },
    ['Retry-After'],
  ),
};

export const shared = (name: keyof typeof SHARED_ANSWERS) => refTo('responses', name);
