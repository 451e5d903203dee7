import { CONSOLE } from '@contour/runtime';
import { demoCredential } from '../commands/demo.ts';
import type { Mirror, Servers } from './servers.ts';

export interface Running extends Servers {
  mirror: Mirror;
  apiUrl: string;
  workerUrl: string;
  coreUrl: string | undefined;
  /** New at each start, so that no message to try duplicates one of an earlier start. */
  run: string;
  apiKeys: boolean;
  adminKeys: boolean;
}

/** What runs where, three requests to try, and the commands of an operator. */
export function banner(running: Running): string {
  const { apiUrl, workerUrl, coreUrl = CONSOLE, embedded, mirror, run } = running;
  // An earlier start may have registered the one that it showed.
  const unknown = `unknown-${run}`;
  const rows = [
    ['API', apiUrl],
    ['Docs', `${apiUrl}/docs`],
    ['Queues', `${apiUrl}/admin/queues`],
    ['Worker', `${workerUrl}/livez`],
    [
      'Core',
      coreUrl === CONSOLE ? 'this console (set CORE_URL to send to it)' : where(coreUrl, false),
    ],
    ['Postgres', where(running.databaseUrl, embedded.postgres)],
    ['Redis', where(running.redisUrl, embedded.redis)],
    ['Neo4j', 'off' in mirror ? `off (${mirror.off})` : where(mirror.uri, mirror.embedded)],
    ['Keys', keysLine(running)],
  ];
  const key = running.apiKeys ? " -H 'authorization: Bearer <API key>'" : '';
  const adminKey = running.adminKeys ? " -H 'authorization: Bearer <admin key>'" : '';
  return [
    '',
    'Contour is running. Ctrl-C stops it.',
    '',
    ...rows.map(([name = '', value]) => `  ${name.padEnd(10)}${value}`),
    '',
    'A message that is resolved and reaches Core:',
    resolveCurl(apiUrl, key, messageOf(demoCredential('telegram'), `${run}-1`)),
    '',
    'One with an unknown credential, which is parked in the dead-letter queue:',
    resolveCurl(apiUrl, key, messageOf(unknown, `${run}-2`)),
    '',
    'The dead-letter queue:',
    `  curl -s${adminKey} '${apiUrl}/dlq?limit=1'`,
    '',
    'Commands for another terminal; `channel add` releases what was parked:',
    ...exportLine(running),
    '  npm run contour -- doctor',
    '  npm run contour -- dlq list',
    `  echo ${unknown} | npm run contour -- channel add Demo telegram`,
    '  npm run contour -- message show <message_id or trace_id>',
    '',
  ].join('\n');
}

// Only the embedded servers: the others are in the environment already.
function exportLine({ databaseUrl, redisUrl, embedded, mirror }: Running): string[] {
  const servers = [
    ...(embedded.postgres ? [`DATABASE_URL=${databaseUrl}`] : []),
    ...(embedded.redis ? [`REDIS_URL=${redisUrl}`] : []),
    ...('off' in mirror || !mirror.embedded ? [] : [`NEO4J_URI=${mirror.uri}`]),
  ];
  return servers.length === 0 ? [] : [`  export ${servers.join(' ')}`];
}

const messageOf = (credential: string, id: string) => ({
  ...{ channel: 'telegram', bot_token: credential, external_chat_id: '123456789' },
  ...{ client_name: 'Ivan Petrov', client_phone: '+79991234567' },
  ...{ text: 'Hello', message_ids: [id] },
});

function resolveCurl(apiUrl: string, key: string, message: object): string {
  const json = "-H 'content-type: application/json'";
  return `  curl -s ${apiUrl}/resolve${key} ${json} \\\n    -d '${JSON.stringify(message)}'`;
}

// Only the password of an embedded server is shown.
function where(url: string, isEmbedded: boolean): string {
  if (isEmbedded) return url;
  const shown = new URL(url);
  shown.password = shown.password && '***';
  return shown.href;
}

function keysLine({ apiKeys, adminKeys }: Running): string {
  if (apiKeys && adminKeys) return 'API_KEYS and ADMIN_KEYS are set';
  const missing = [...(apiKeys ? [] : ['API_KEYS']), ...(adminKeys ? [] : ['ADMIN_KEYS'])];
  return `none in ${missing.join(' and ')}: open to everyone who can connect, for development only`;
}
