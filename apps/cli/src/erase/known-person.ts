import type { Eraser } from '@contour/queue';
import type { Person } from '@contour/store';

const nameOf = ({ tenantId, clientId }: Person) => `${tenantId}:${clientId}`;

/** All that was known of somebody at one look or the other. */
export function merged(first: Person, last: Person): Person {
  const key = (one: Person['identities'][number]) => `${one.channel} ${one.externalId}`;
  const identities = [...first.identities, ...last.identities];
  return {
    ...first,
    phone: last.phone ?? first.phone,
    identities: [...new Map(identities.map((one) => [key(one), one])).values()],
    dialogIds: [...new Set([...first.dialogIds, ...last.dialogIds])],
  };
}

/** Whom Postgres may have forgotten already: an erasure that was cut off has left a note of who it was. */
export async function withNoted(eraser: Eraser, person: Person): Promise<Person> {
  const text = await eraser.begun(nameOf(person));
  if (text === null) return person;
  return { ...merged(JSON.parse(text) as Person, person), isKnown: person.isKnown };
}

/** Notes who it is, for as long as the erasure takes. */
export const noteBegun = (eraser: Eraser, person: Person): Promise<void> =>
  eraser.begin(nameOf(person), JSON.stringify(person));

/** Nothing is left that only the note leads to. */
export const dropNote = (eraser: Eraser, person: Person): Promise<void> =>
  eraser.end(nameOf(person));
