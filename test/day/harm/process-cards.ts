import type { BuiltProcess } from '../../support/processes.ts';
import type { Crew } from './crew.ts';
import type { Card } from './deal.ts';

const KINDS = ['worker', 'api'] as const;

function killCard(crew: Crew, kind: BuiltProcess['name']): Card {
  return {
    name: `kill -9 of one ${kind}`,
    async play({ dice }) {
      const victim = crew.pickVictim(kind, dice.pick);
      if (victim === undefined) return undefined;
      crew.expectEnd(victim);
      await victim.kill();
      await crew.complete();
      return `${victim.pid} is dead, another is there`;
    },
  };
}

/** As in a rolling restart: the new process starts first. */
function replaceCard(crew: Crew, kind: BuiltProcess['name']): Card {
  return {
    name: `SIGTERM to one ${kind}`,
    async play({ dice }) {
      const victim = crew.pickVictim(kind, dice.pick);
      if (victim === undefined) return undefined;
      crew.expectEnd(victim);
      await victim.stop();
      await crew.complete();
      return `${victim.pid} ended with 0, another is there`;
    },
  };
}

function freezeCard(crew: Crew, kind: BuiltProcess['name'], most: number): Card {
  return {
    name: `SIGSTOP of one ${kind}`,
    async play({ dice, lasting }) {
      const victim = crew.pickAny(kind, dice.pick);
      if (victim === undefined) return undefined;
      victim.freeze();
      await lasting(1_000, most);
      victim.thaw();
      return `${victim.pid} stood still`;
    },
  };
}

/** A worker is frozen for longer than a job's lock. For an API that would only delay its senders. */
const FREEZE_MS = { worker: 14_000, api: 4_000 };

/** Faults of processes. */
export const processCards = (crew: Crew): Card[] =>
  KINDS.flatMap((kind) => [
    killCard(crew, kind),
    replaceCard(crew, kind),
    freezeCard(crew, kind, FREEZE_MS[kind]),
  ]);
