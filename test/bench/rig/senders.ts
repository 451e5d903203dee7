import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';

export interface Senders {
  /** This many at a time: each sends its next message after the answer. */
  sendAll(bodies: readonly string[], concurrency: number): Promise<void>;
  /** One after another, each after `after` has settled. Returns the answer times in milliseconds. */
  sendOneByOne(
    bodies: readonly string[],
    after: (sent: number) => Promise<void>,
  ): Promise<number[]>;
  /** This many a second at random moments, independent of the answers. Measured from those moments. */
  sendOpenLoop(
    bodies: readonly string[],
    perSecond: number,
    chance: () => number,
  ): Promise<number[]>;
  close(): Promise<void>;
}

const CONNECTIONS = 256;

/** The senders. An answer other than 200 ends the measurement. */
export function createSenders(url: string): Senders {
  const pool = new Pool(url, { connections: CONNECTIONS });

  async function send(body: string): Promise<void> {
    const { statusCode, body: answer } = await pool.request({
      method: 'POST',
      path: '/resolve',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const text = await answer.text();
    if (statusCode !== 200) throw new Error(`POST /resolve answered ${statusCode}: ${text}`);
  }

  return {
    async sendAll(bodies, concurrency) {
      let next = 0;
      const sender = async () => {
        for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) await send(body);
      };
      await Promise.all(Array.from({ length: concurrency }, sender));
    },
    async sendOneByOne(bodies, after) {
      const times: number[] = [];
      for (const body of bodies) {
        const startedAt = performance.now();
        await send(body);
        times.push(performance.now() - startedAt);
        await after(times.length);
      }
      return times;
    },
    async sendOpenLoop(bodies, perSecond, chance) {
      const startedAt = performance.now();
      const answers: Promise<number>[] = [];
      let dueAt = startedAt;
      for (const body of bodies) {
        dueAt += (-Math.log(1 - chance()) / perSecond) * 1000;
        const waitMs = dueAt - performance.now();
        if (waitMs > 0) await delay(waitMs);
        const scheduledAt = dueAt;
        answers.push(send(body).then(() => performance.now() - scheduledAt));
      }
      return Promise.all(answers);
    },
    close: () => pool.destroy(),
  };
}
