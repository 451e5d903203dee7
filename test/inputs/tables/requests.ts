/** A request that is invalid although its message is valid. */
interface OddRequest {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

const type = (value: string): OddRequest => ({ headers: { 'content-type': value } });
const get = (path: string): OddRequest => ({ method: 'GET', path, body: '' });
const filter = (path: string, body: unknown, method = 'POST'): OddRequest => ({
  method,
  path,
  body,
});

const ID = '00000000-0000-8000-8000-000000000000';

/** A name, the request, and its status and code. */
export const REQUESTS: Array<[what: string, request: OddRequest, status: number, code: string]> = [
  // sizes
  ['a body larger than 256 KiB', { body: { ignored: 'x'.repeat(257 * 1024) } }, 413, 'too_large'],
  ['a body larger than 256 KiB of white space', { body: ' '.repeat(257 * 1024) }, 413, 'too_large'],

  // content types
  ['a plain text', type('text/plain'), 415, 'unsupported_media_type'],
  ['a form by its type', type('application/x-www-form-urlencoded'), 415, 'unsupported_media_type'],
  [
    'a form of several parts',
    type('multipart/form-data; boundary=x'),
    415,
    'unsupported_media_type',
  ],
  ['XML by its type', type('application/xml'), 415, 'unsupported_media_type'],
  ['JSON lines', type('application/jsonlines'), 415, 'unsupported_media_type'],
  ['JSON that calls itself a text', type('text/json'), 415, 'unsupported_media_type'],
  ['two types', type('application/json, text/plain'), 415, 'unsupported_media_type'],
  ['half a type', type('json'), 415, 'unsupported_media_type'],
  ['a type that is none', type('application/ json; ='), 415, 'unsupported_media_type'],

  // methods and paths
  ['GET', { method: 'GET', path: '/resolve', body: '' }, 405, 'method_not_allowed'],
  ['PUT', { method: 'PUT' }, 405, 'method_not_allowed'],
  ['PATCH', { method: 'PATCH' }, 405, 'method_not_allowed'],
  ['DELETE', { method: 'DELETE' }, 405, 'method_not_allowed'],
  ['PROPFIND', { method: 'PROPFIND' }, 405, 'method_not_allowed'],
  ['a path that is not there', { path: '/nowhere' }, 404, 'not_found'],
  ['a slash too many', { path: '/resolve/' }, 404, 'not_found'],
  ['a path in capitals', { path: '/RESOLVE' }, 404, 'not_found'],
  ['a path with a zero byte', { path: '/resolve%00' }, 404, 'not_found'],
  ['a path with half an escape', { path: '/resolve%' }, 400, 'invalid'],
  ['a path with an escape that is no UTF-8', { path: '/%ff%fe' }, 400, 'invalid'],
  ['a credential in the path', { path: '/resolve/{token}' }, 404, 'not_found'],
  [
    'a credential in the query, and no body',
    { path: '/resolve?bot_token={token}', body: '' },
    400,
    'invalid',
  ],
  [
    'a credential in place of a key',
    { headers: { authorization: 'Bearer {token}' }, body: '{' },
    400,
    'invalid',
  ],

  // the other endpoints
  ['a receipt of what is no id', get('/messages/{token}'), 404, 'not_found'],
  ['a receipt of a very long id', get(`/messages/${'a'.repeat(2000)}`), 404, 'not_found'],
  ['a receipt of an unknown id', get(`/messages/${ID}`), 404, 'not_found'],
  ['receipts of no trace', get('/messages'), 400, 'invalid'],
  ['receipts of an empty trace', get('/messages?trace_id='), 400, 'invalid'],
  ['receipts of two traces', get('/messages?trace_id=a&trace_id=b'), 400, 'invalid'],
  ['receipts of a trace with a space', get('/messages?trace_id=a%20b'), 400, 'invalid'],
  ['an entry that is not there', get(`/dlq/${ID}`), 404, 'not_found'],
  ['an entry of a very long id', get(`/dlq/${'a'.repeat(2000)}`), 404, 'not_found'],
  ["an entry under a name of the queue's own", get('/dlq/meta'), 404, 'not_found'],
  ['entries on a page of none', get('/dlq?limit=0'), 400, 'invalid'],
  ['entries on a page of 201', get('/dlq?limit=201'), 400, 'invalid'],
  ['entries on a page of 1e2', get('/dlq?limit=1e2'), 400, 'invalid'],
  ['entries from a place that is none', get('/dlq?cursor=x'), 400, 'invalid'],
  ['entries of an unknown reason', get('/dlq?reason=bad'), 400, 'invalid'],
  ['entries of two reasons', get('/dlq?reason=invalid&reason=conflict'), 400, 'invalid'],
  ['entries of a tenant that is none', get("/dlq?tenant_id='%20or%201=1"), 400, 'invalid'],
  [
    'entries of a fingerprint that is a credential',
    get('/dlq?fingerprint={token}'),
    400,
    'invalid',
  ],
  ['entries before a day that is not', get('/dlq?before=2024-02-30T00:00:00Z'), 400, 'invalid'],
  ['entries by an unknown filter', get('/dlq?until=2024-02-20T00:00:00Z'), 400, 'invalid'],
  ['a replay of what is no id', filter('/dlq/x/replay', ''), 404, 'not_found'],
  ['a replay by a list', filter('/dlq/replay', []), 400, 'invalid'],
  ['a replay of none', filter('/dlq/replay', { limit: 0 }), 400, 'invalid'],
  ['a replay of one and a half', filter('/dlq/replay', { limit: 1.5 }), 400, 'invalid'],
  ['a replay that is perhaps dry', filter('/dlq/replay', { dry_run: 'yes' }), 400, 'invalid'],
  ['a replay by an unknown filter', filter('/dlq/replay', { id: ID }), 400, 'invalid'],
  ['a replay by half a filter', filter('/dlq/replay', '{"reason":'), 400, 'invalid'],
  ['a clearing of everything', filter('/dlq', '', 'DELETE'), 400, 'invalid'],
  ['a clearing by an empty filter', filter('/dlq', {}, 'DELETE'), 400, 'invalid'],
  ['a clearing by a list', filter('/dlq', [], 'DELETE'), 400, 'invalid'],
  ['a clearing by null', filter('/dlq', { reason: null }, 'DELETE'), 400, 'invalid'],
  ['a clearing by an unknown filter', filter('/dlq?all=true', '', 'DELETE'), 400, 'invalid'],
  [
    'a clearing by two filters',
    filter('/dlq?reason=invalid', { reason: 'invalid' }, 'DELETE'),
    400,
    'invalid',
  ],
];

/** Headers that do not invalidate a message: 200, or the status that they ask for. */
export const HEADERS: Array<[what: string, headers: Record<string, string>, status: number]> = [
  ['a charset', { 'content-type': 'application/json; charset=utf-8' }, 200],
  ['a type in capitals', { 'content-type': 'APPLICATION/JSON' }, 200],
  ['a kind of JSON', { 'content-type': 'application/vnd.chat+json' }, 200],
  ['a traceparent of 8 KiB', { traceparent: '00-'.repeat(2700) }, 200],
  ['a traceparent that is none', { traceparent: '00-zz-zz-01', tracestate: '=,=' }, 200],
  ['an Idempotency-Key', { 'idempotency-key': 'x'.repeat(300) }, 200],
  ['an Idempotency-Key that is empty', { 'idempotency-key': '' }, 200],
  ['another Accept', { accept: 'text/html;q=x' }, 200],
  ['a forged sender', { 'x-forwarded-for': '::1, <b>', forwarded: 'for="' }, 200],
  ['a cookie of noise', { cookie: '=;;;\u00ff=' }, 200],
  ['a key although none is required', { authorization: 'Basic ====' }, 200],
  ['another host', { host: 'evil.example:99999' }, 200],
  ['an upgrade', { connection: 'upgrade', upgrade: 'websocket' }, 200],
  ['an empty Prefer', { prefer: '' }, 200],
  ['a Prefer of noise', { prefer: ';;=,"' }, 200],
  ['a Prefer of 10 000 characters', { prefer: 'respond-async,'.repeat(700) }, 200],
  ['a Prefer that only begins so', { prefer: 'respond-asynchronously' }, 200],
  ['a wait alone', { prefer: 'wait=0' }, 200],
  ['respond-async', { prefer: 'respond-async' }, 202],
  ['respond-async in capitals', { prefer: 'RESPOND-ASYNC' }, 202],
  ['respond-async among others', { prefer: 'return=minimal, respond-async; foo="bar"' }, 202],
  ['respond-async with no time', { prefer: 'respond-async, wait=0' }, 202],
  ['respond-async with a time that is none', { prefer: 'respond-async, wait=-1' }, 202],
  ['respond-async with all the time there is', { prefer: 'respond-async, wait=99999999999' }, 200],
  ['respond-async with some time', { prefer: 'respond-async, wait=10' }, 200],
];
