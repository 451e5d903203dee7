import { CHANNEL_CODES } from '@contour/contract';
import type { Dice } from '../../support/dice.ts';
import type { Book } from '../book.ts';
import type { Journal } from '../journal.ts';
import type { DayOptions } from '../options.ts';
import { newAccount, pickTenant, type Tenant, type Town } from '../town.ts';
import type { Direct } from './direct.ts';
import { conflictOf, type Letter, repeatOf, type Writer } from './letter.ts';
import type { Post } from './post.ts';

const TICK_MS = 50;
/** Beyond this limit senders wait for each other. */
const MOST_ON_THEIR_WAY = 400;
const MOST_STRANGERS = 5;

export interface LoadDeps {
  options: DayOptions;
  town: Town;
  book: Book;
  writer: Writer;
  post: Post;
  direct: Direct;
  journal: Journal;
  dice: Dice;
}

type Send = (letter: Letter) => Promise<void>;

export interface Load {
  /** Makes no new messages, and waits until every sender has its answer. */
  stop(): Promise<void>;
}

/** Sends messages of all kinds in all ways until it is stopped. */
export function startLoad(deps: LoadDeps): Load {
  const { options, town, book, writer, post, direct, journal, dice } = deps;
  const onTheirWay = new Set<Promise<void>>();
  let isStopped = false;

  function pickRoute(): Send {
    const throwOf = dice.between(1, 100);
    if (throwOf <= 55) return (letter) => post(letter, {});
    if (throwOf <= 63) return (letter) => post(letter, { prefer: 'respond-async' });
    if (throwOf <= 68) return (letter) => post(letter, { prefer: 'respond-async, wait=1' });
    if (throwOf <= 86) return (letter) => direct.put(letter, 'stream');
    return (letter) => direct.put(letter, 'enqueue');
  }

  function launch(letter: Letter, send: Send = pickRoute()): void {
    book.noteSent(letter);
    book.counts.messages += 1;
    const way = send(letter)
      .catch((error: unknown) => journal.find('not_sent', `message ${letter.id}: ${error}`))
      .finally(() => onTheirWay.delete(way));
    onTheirWay.add(way);
  }

  /** The same message again, by any way, before or after its answer. */
  function launchTwice(letter: Letter): void {
    launch(letter);
    book.counts.repeats += 1;
    launch(repeatOf(letter, dice));
  }

  function launchAgain(how: (letter: Letter) => Letter): void {
    const known = book.pickKnown(dice);
    if (known === undefined) return;
    book.counts.repeats += 1;
    launch(how(known));
  }

  function launchStranger(): void {
    const { strangers } = town;
    if (strangers.length < MOST_STRANGERS && (strangers.length === 0 || dice.chance(0.2))) {
      strangers.push(newAccount(dice, pickTenant(town, dice), dice.pick(CHANNEL_CODES)));
    }
    const letter = writer.toAccount(dice.pick(strangers), dice);
    if (dice.chance(0.5)) launchTwice(letter);
    else launch(letter);
  }

  function launchOne(): void {
    const throwOf = dice.between(1, 1000);
    if (throwOf <= 20) launchStranger();
    else if (throwOf <= 60) launchTwice(writer.toTenant(pickTenant(town, dice), dice));
    else if (throwOf <= 100) launchAgain((letter) => repeatOf(letter, dice));
    else if (throwOf <= 115) launchAgain(conflictOf);
    else if (throwOf <= 120) void direct.putGarbage(writer.toTenant(pickTenant(town, dice), dice));
    else launch(writer.toTenant(pickTenant(town, dice), dice));
  }

  /** Many messages of one tenant at once and by one way. */
  function launchBurst(tenant: Tenant): void {
    const send = pickRoute();
    const size = dice.between(2, 8) * options.rate;
    const room = MOST_ON_THEIR_WAY - onTheirWay.size;
    for (let i = 0; i < Math.min(size, room); i += 1) launch(writer.toTenant(tenant, dice), send);
  }

  let lastAt = Date.now();
  let owed = 0;
  let burstAt = lastAt + dice.between(...options.restMs.burst);
  const timer = setInterval(() => {
    const now = Date.now();
    owed += ((now - lastAt) / 1000) * options.rate;
    lastAt = now;
    for (; owed >= 1; owed -= 1) if (onTheirWay.size < MOST_ON_THEIR_WAY) launchOne();
    if (now < burstAt) return;
    burstAt = now + dice.between(...options.restMs.burst);
    launchBurst(pickTenant(town, dice));
  }, TICK_MS);

  return {
    async stop() {
      if (!isStopped) clearInterval(timer);
      isStopped = true;
      while (onTheirWay.size > 0) await Promise.all(onTheirWay);
    },
  };
}
