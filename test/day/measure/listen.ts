import { createSearch } from '../credentials.ts';
import type { Journal } from '../journal.ts';

/** What a process says of itself after a collection. */
export interface Heap {
  pid: number;
  bytes: number;
  /** Sockets, timers and the like that keep it alive. */
  resources: number;
}

const REPORT = /day\.heap (\{.*?\})/g;

/** Hears all that the processes write: searches it for credentials, and takes their reports out of it. */
export function createListener(journal: Journal) {
  const search = createSearch((found) => journal.find('credential_leaked', `${found} in a log`));
  const reports = new Map<number, Heap>();
  return {
    hear(text: string): void {
      search(text);
      for (const [, json = '{}'] of text.matchAll(REPORT)) {
        const heap = JSON.parse(json) as Heap;
        reports.set(heap.pid, heap);
      }
    },
    /** A report is taken once. */
    takeReport(pid: number): Heap | undefined {
      const heap = reports.get(pid);
      reports.delete(pid);
      return heap;
    },
  };
}

export type Listener = ReturnType<typeof createListener>;
