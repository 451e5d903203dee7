import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

/** Existing senders wait this long for an answer. */
const ANSWER_WITHIN_MS = 30_000;

export interface Poster {
  /** The answer's status once its body has been read; rejects with the code of what broke. */
  post(body: string): Promise<number>;
  /** Ends what is under way. */
  close(): void;
}

const codeOf = (error: NodeJS.ErrnoException): string => error.code ?? error.message;

/** Posts to one address over at most so many connections, which are kept. */
export function createPoster(url: URL, key: string | undefined, connections: number): Poster {
  const isHttps = url.protocol === 'https:';
  const options = { keepAlive: true, maxSockets: connections };
  const agent = isHttps ? new HttpsAgent(options) : new HttpAgent(options);
  const request = isHttps ? httpsRequest : httpRequest;

  return {
    post: (body) =>
      new Promise((resolve, reject) => {
        const fail = (error: NodeJS.ErrnoException) => reject(new Error(codeOf(error)));
        const outgoing = request(
          url,
          {
            method: 'POST',
            agent,
            headers: {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(body),
              ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
            },
          },
          (incoming) => {
            incoming.on('error', fail);
            incoming.on('end', () => resolve(incoming.statusCode ?? 0));
            incoming.resume();
          },
        );
        outgoing.setTimeout(ANSWER_WITHIN_MS, () =>
          outgoing.destroy(new Error('no answer in 30 s')),
        );
        outgoing.on('error', fail);
        outgoing.end(body);
      }),
    close: () => agent.destroy(),
  };
}
