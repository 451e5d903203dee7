import type { Dice } from '../support/dice.ts';
import type { Accepted } from '../support/send.ts';
import type { Journal } from './journal.ts';
import type { Letter } from './load/letter.ts';

/** The messages of an hour and the answers that their senders got. */
export interface Book {
  sent: Set<string>;
  /** The body of the 200 by message. Null where the answer was "queued". */
  accepted: Map<string, string | null>;
  counts: Counts;
  noteSent(letter: Letter): void;
  /** Reports an answer that differs from an earlier one. */
  noteAccepted(letter: Letter, answer: string | null): void;
  /** An answered message of this or an earlier hour, to be repeated. */
  pickKnown(dice: Dice): Letter | undefined;
  list(): Accepted[];
  /** Forgets all messages except some to be repeated in later hours. Returns their ids. */
  turnPage(dice: Dice): ReadonlySet<string>;
}

interface Counts {
  messages: number;
  repeats: number;
  refused: number;
  conflicts: number;
}

const KNOWN = 500;
const KEPT_FOR_LATER = 150;

const noCounts = (): Counts => ({ messages: 0, repeats: 0, refused: 0, conflicts: 0 });

export function openBook(journal: Journal): Book {
  const sent = new Set<string>();
  const accepted = new Map<string, string | null>();
  /** The latest answered messages, in a ring. */
  let known: Letter[] = [];
  let next = 0;

  const book: Book = {
    sent,
    accepted,
    counts: noCounts(),
    noteSent({ id }) {
      sent.add(id);
    },
    noteAccepted(letter, answer) {
      const before = accepted.get(letter.id) ?? null;
      if (answer !== null && before !== null && answer !== before) {
        journal.find('answers_differ', `message ${letter.id}: ${before}, then ${answer}`);
      }
      accepted.set(letter.id, before ?? answer);
      if (answer === null || before !== null) return;
      known[next % KNOWN] = letter;
      next += 1;
    },
    pickKnown: (dice) => (known.length === 0 ? undefined : dice.pick(known)),
    list: () => [...accepted].map(([messageId, answer]) => ({ messageId, answer })),
    turnPage(dice) {
      const kept = new Map<string, Letter>();
      const most = Math.min(KEPT_FOR_LATER, known.length);
      for (let i = 0; i < most; i += 1) {
        const letter = dice.pick(known);
        kept.set(letter.id, letter);
      }
      for (const id of sent) if (!kept.has(id)) sent.delete(id);
      for (const id of accepted.keys()) if (!kept.has(id)) accepted.delete(id);
      known = [...kept.values()];
      next = known.length;
      book.counts = noCounts();
      return new Set(kept.keys());
    },
  };
  return book;
}
