import { createSearch } from '../credentials.ts';
import type { Journal } from '../journal.ts';

/** The report of a process after a garbage collection. */
export interface Heap {
  pid: number;
  bytes: number;
  /** Sockets, timers and other handles that keep it alive. */
  resources: number;
}

const REPORT = /day\.heap (\{.*?\})/g;

/** Gets all output of the processes: searches it for credentials and extracts the reports. */
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
    /** Returns a report once. */
    takeReport(pid: number): Heap | undefined {
      const heap = reports.get(pid);
      reports.delete(pid);
      return heap;
    },
  };
}

export type Listener = ReturnType<typeof createListener>;
