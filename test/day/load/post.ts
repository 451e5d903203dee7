import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, resolve } from '../../support/send.ts';
import type { Book } from '../book.ts';
import type { Journal } from '../journal.ts';
import type { Account } from '../town.ts';
import type { Letter } from './letter.ts';

const PAUSE_MS = 400;
/** Longer than any outage of the day, with the backlog after it. */
const GIVE_UP_MS = 180_000;
/** A switch takes effect within a second. The rest allows for clocks and queue. */
const SLACK_MS = 2_000;

export interface PostDeps {
  urls: () => readonly string[];
  book: Book;
  journal: Journal;
}

/** The meaning of an answer. Undefined if the sender has to repeat the request. */
type Verdict = 'accepted' | 'queued' | 'parked' | 'refused' | 'conflict' | string | undefined;

const isParked = ({ json }: Answer) => /is parked/.test(String(json?.detail));

const offUntil = ({ offUntil: own, tenant }: Account) => Math.max(own, tenant.offUntil);

function verdictOf(answer: Answer, { account, repeats }: Letter, startedAt: number): Verdict {
  switch (answer.status) {
    case 200:
      return repeats === 'conflict' ? 'a conflict was accepted' : 'accepted';
    case 202:
      return 'queued';
    case 403:
      return startedAt < offUntil(account) + SLACK_MS ? 'refused' : 'refused, but switched on';
    case 404:
      if (startedAt > account.unknownUntil + SLACK_MS) return 'unknown, but registered';
      return isParked(answer) ? 'parked' : 'not parked';
    case 409:
      return repeats === 'conflict' ? 'conflict' : 'a conflict with nothing';
    default:
      return answer.status >= 500 ? undefined : 'not understood';
  }
}

/** Sends as existing senders do until the answer is final, and records it. */
export function createPost({ urls, book, journal }: PostDeps) {
  let turn = 0;

  return async function post(letter: Letter, headers: Record<string, string>): Promise<void> {
    const text = JSON.stringify(letter.body);
    const giveUpAt = Date.now() + GIVE_UP_MS;
    let isQueued = false;
    let last = 'no answer';
    while (Date.now() < giveUpAt) {
      const startedAt = Date.now();
      const all = urls();
      const url = all[turn++ % Math.max(1, all.length)] ?? '';
      const answer = await resolve(url, text, headers).catch(() => undefined);
      if (answer !== undefined) {
        last = `${answer.status} ${answer.text}`;
        isQueued ||= answer.json?.code === 'not_yet';
        const verdict = verdictOf(answer, letter, startedAt);
        if (verdict !== undefined) return conclude(letter, verdict, answer);
      }
      await delay(PAUSE_MS);
    }
    if (isQueued) book.noteAccepted(letter, null);
    journal.find('no_answer', `message ${letter.id} got none in ${GIVE_UP_MS / 1000} s: ${last}`);
  };

  function conclude(letter: Letter, verdict: NonNullable<Verdict>, answer: Answer): void {
    if (verdict === 'accepted') book.noteAccepted(letter, answer.text);
    // Parked until its account is registered: it counts as accepted.
    else if (verdict === 'queued' || verdict === 'parked') {
      if (letter.repeats !== 'conflict') book.noteAccepted(letter, null);
    } else if (verdict === 'refused') book.counts.refused += 1;
    else if (verdict === 'conflict') book.counts.conflicts += 1;
    else journal.find('strange_answer', `message ${letter.id}: ${verdict}: ${answer.text}`);
  }
}

export type Post = ReturnType<typeof createPost>;
