import { setTimeout as delay } from 'node:timers/promises';
import type { TailBeat } from '@contour/queue';
import type { Owners } from './owners.ts';
import type { ShowSecond, TailLine } from './show-tail.ts';
import { sumBeats } from './tail-sums.ts';

const SECOND_MS = 1_000;
/** Processes speak at the full second; by now all of them have been heard. */
const HEARD_AFTER_MS = 500;
const SILENT_MS = 3_000;

interface Watching {
  owners: Owners;
  /** Only this tenant. */
  tenantId: string | undefined;
  show: ShowSecond;
  /** What is about the way there, not about messages. */
  remark: (line: string) => void;
  signal: AbortSignal;
}

const countOf = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;

function answering(processes: ReadonlyMap<string, TailBeat['process']>): string {
  const kinds = [...processes.values()];
  const apis = kinds.filter((kind) => kind === 'api').length;
  return `${countOf(apis, 'API')} and ${countOf(kinds.length - apis, 'worker')} answer`;
}

/** Gathers beats, and shows what a second came to; resolves with whether anybody ever answered. */
export function watchTail({ owners, tenantId, show, remark, signal }: Watching) {
  const processes = new Map<string, TailBeat['process']>();
  let beats: TailBeat[] = [];
  let heardAt = Date.now();
  let isSilent = false;
  let told = '';

  const tellWhoAnswers = () => {
    const silent = Date.now() - heardAt >= SILENT_MS;
    if (silent && !isSilent) {
      remark('no process has answered for 3 s: does an API or a worker run with this REDIS_URL?');
      processes.clear();
      told = '';
    }
    isSilent = silent;
    const now = answering(processes);
    if (processes.size > 0 && now !== told) {
      remark(now);
      told = now;
    }
  };

  const showSecond = async (at: Date) => {
    const heard = beats;
    beats = [];
    await owners.learn(heard);
    const rows = sumBeats(heard, owners.tenantOf);
    const lines = [...rows]
      .map(
        ([id, row]): TailLine => ({
          ...{ at: at.toISOString(), tenantId: id, tenant: owners.nameOf(id) },
          ...row,
        }),
      )
      .filter((line) => tenantId === undefined || line.tenantId === tenantId);
    show(at, lines);
  };

  const run = async (): Promise<boolean> => {
    while (!signal.aborted) {
      const waitMs = SECOND_MS - ((Date.now() + SECOND_MS - HEARD_AFTER_MS) % SECOND_MS);
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
      tellWhoAnswers();
      await showSecond(new Date(Math.floor(Date.now() / SECOND_MS) * SECOND_MS));
    }
    return told !== '';
  };

  return {
    hear(beat: TailBeat): void {
      heardAt = Date.now();
      processes.set(beat.id, beat.process);
      beats.push(beat);
    },
    run,
  };
}
