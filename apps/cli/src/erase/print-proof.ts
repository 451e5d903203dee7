import { tableOf } from '../table.ts';
import type { Proof } from './erase-client.ts';

/** So many ids are printed; --json has them all. */
const SHOWN_IDS = 20;

const REMAINS = {
  rewritten: 'Redis has written its append-only file anew.',
  off: 'Redis keeps no append-only file; a snapshot of it (dump.rdb) may be older.',
  refused: "Redis's append-only file holds it until BGREWRITEAOF, which was refused here.",
  'not yet': "Redis's append-only file holds it until the rewrite that has begun has ended.",
};

function printUnclear({ unclear }: Proof, say: (line: string) => void): void {
  for (const { place, count, ids, todo } of unclear) {
    const more = count > SHOWN_IDS ? `, and ${count - SHOWN_IDS} more` : '';
    const listed = `${ids.slice(0, SHOWN_IDS).join(', ')}${more}`;
    say(`${place}: nothing says whose these ${count} are, and they stay: ${listed}`);
    say(`  ${todo}.`);
  }
}

/** What was found, and after an erasure what was removed and what is left. */
export function printProof(say: (line: string) => void, proof: Proof, isDone: boolean): void {
  const { person, places, aof } = proof;
  const { isKnown, identities, phone } = person;
  if (!isKnown) {
    const by = identities.length > 0 ? 'what an earlier run has noted' : 'its id alone';
    say(`Postgres has no such client, or has it no longer: it was looked for by ${by}.`);
  }
  const rows = places.map(({ place, found, removed, left }) => [place, found, removed, left]);
  const heading = ['place', 'found', 'removed', 'left'];
  const shown = isDone ? 4 : 2;
  const cells = rows.map((row) => row.slice(0, shown).map(String));
  for (const line of tableOf(heading.slice(0, shown), cells)) say(line);
  printUnclear(proof, say);
  if (aof === null) {
    say('Nothing was removed. Run again with --yes to erase it.');
    return;
  }
  const by = `by client id, ${identities.length} chats${phone === null ? '' : ' and the phone'}`;
  const isLeft = places.some(({ left }) => left > 0);
  say(`Searched again ${by}: ${isLeft ? 'not all is gone, run it again' : 'nothing is left'}.`);
  say(REMAINS[aof]);
  say('What remains: backups, WAL archives, what Core was sent, and ids in logs.');
  say('A message that comes from these chats later makes a new client.');
}
