import type { Contour } from '../../support/contour.ts';
import type { BuiltProcess } from '../../support/processes.ts';
import type { Journal } from '../journal.ts';

/** The processes as their supervisor sees them. */
export interface Crew {
  /** The first of each kind live all day, so that leaks show at its end. */
  veterans(): BuiltProcess[];
  /** A process that may be ended, if there is one. */
  pickVictim(kind: BuiltProcess['name'], pick: Pick): BuiltProcess | undefined;
  /** Any running process. */
  pickAny(kind: BuiltProcess['name'], pick: Pick): BuiltProcess | undefined;
  /** Announces that a process will be ended. */
  expectEnd(process: BuiltProcess): void;
  /** Starts missing processes, and reports those that have ended by themselves. */
  complete(): Promise<void>;
}

type Pick = <T>(list: readonly T[]) => T;

export function createCrew(contour: Contour, journal: Journal): Crew {
  const wanted = { api: contour.apis.length, worker: contour.workers.length };
  const veterans = [contour.apis[0], contour.workers[0]].filter((one) => one !== undefined);
  const accounted = new Set<BuiltProcess>();
  const allOf = (kind: BuiltProcess['name']) => (kind === 'api' ? contour.apis : contour.workers);
  const aliveOf = (kind: BuiltProcess['name']) => allOf(kind).filter((one) => !one.ended());
  const pickFrom = <T>(list: readonly T[], pick: Pick) =>
    list.length === 0 ? undefined : pick(list);

  function findFault(kind: BuiltProcess['name']): void {
    for (const one of allOf(kind)) {
      const ended = one.ended();
      if (ended === undefined || accounted.has(one)) continue;
      accounted.add(one);
      const how = ended.code ?? ended.signal;
      journal.find('ended_by_itself', `${kind} ${one.pid} with ${how}:\n${one.output()}`);
    }
  }

  return {
    veterans: () => veterans,
    pickVictim: (kind, pick) =>
      pickFrom(
        aliveOf(kind).filter((one) => !veterans.includes(one)),
        pick,
      ),
    pickAny: (kind, pick) => pickFrom(aliveOf(kind), pick),
    expectEnd: (process) => void accounted.add(process),
    async complete() {
      for (const kind of ['api', 'worker'] as const) {
        findFault(kind);
        while (aliveOf(kind).length < wanted[kind]) {
          await (kind === 'api' ? contour.startApi() : contour.startWorker());
        }
      }
    },
  };
}
