import { connect, createServer } from 'node:net';

/** One connection through the proxy. */
interface Link {
  /** Breaks it on both sides at once. */
  cut(): void;
}

/** Gets the bytes of either direction. Where it returns `false`, they are dropped. */
interface Watch {
  fromClient?(bytes: Buffer, link: Link): boolean | undefined;
  fromServer?(bytes: Buffer, link: Link): boolean | undefined;
}

/** Recognises what Postgres will commit: the end of a transaction, or a batch stored in one statement. */
export function tellCommits(): (bytes: Buffer, link: Link) => boolean {
  const inside = new WeakSet<Link>();
  return (bytes, link) => {
    if (bytes.includes('begin\0')) inside.add(link);
    const isCommit = bytes.includes('commit\0');
    if (isCommit || bytes.includes('rollback\0')) inside.delete(link);
    return isCommit || (bytes.includes('insert_messages\0') && !inside.has(link));
  };
}

/**
 * Lets requests that are `doomed` reach the server, and cuts the connection when the answer comes: the
 * client cannot know whether the request was carried out.
 */
export function loseAnswersTo(
  doomed: (bytes: Buffer, link: Link) => boolean,
  onLoss: () => void,
): Watch {
  const waiting = new WeakSet<Link>();
  return {
    fromClient(bytes, link) {
      if (doomed(bytes, link)) waiting.add(link);
      return true;
    },
    fromServer(_bytes, link) {
      if (!waiting.has(link)) return true;
      onLoss();
      link.cut();
      return false;
    },
  };
}

export interface TestProxy {
  port: number;
  /** The same URL, through the proxy. */
  through(url: string): string;
  /** Replaces the watch. An empty one lets everything pass. */
  watch(watch: Watch): void;
  /** New connections lead to another server. */
  lead(targetUrl: string): void;
  /** Breaks every connection that is open. */
  cutAll(): void;
  close(): Promise<void>;
}

/** A TCP proxy that a test can watch, and cut at a chosen moment. */
export async function startProxy(targetUrl: string): Promise<TestProxy> {
  let target = Number(new URL(targetUrl).port);
  const links = new Set<Link>();
  let watch: Watch = {};

  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: '127.0.0.1', port: target, noDelay: true });
    const link: Link = {
      cut() {
        client.destroy();
        upstream.destroy();
      },
    };
    links.add(link);
    for (const socket of [client, upstream]) {
      socket.on('error', () => undefined);
      socket.once('close', () => {
        links.delete(link);
        link.cut();
      });
    }
    client.on('data', (bytes) => {
      if (watch.fromClient?.(bytes, link) !== false) upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (watch.fromServer?.(bytes, link) !== false) client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const { port } = address;

  return {
    port,
    through(url) {
      const through = new URL(url);
      through.port = String(port);
      return through.href;
    },
    watch: (next) => {
      watch = next;
    },
    lead: (url) => {
      target = Number(new URL(url).port);
    },
    cutAll() {
      for (const link of links) link.cut();
    },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const link of links) link.cut();
      return closed;
    },
  };
}
