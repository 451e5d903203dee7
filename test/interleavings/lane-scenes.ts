import { delivers, revivesDead } from './lane-acts.ts';
import { resolves, type Scene } from './scene.ts';

const message = (m: number) => ({ external_chat_id: 'chat', message_ids: [`m${m}`] });

const waiting = [resolves([message(0)])];
const drain = delivers();

/** A run over a shard, and a second participant. */
export const TWO_ON_A_LANE: readonly Scene[] = [
  {
    name: 'a run, and a message that comes to its dialog',
    quick: true,
    before: waiting,
    acts: [delivers(), resolves([message(1)])],
    drain,
  },
  {
    name: 'a run whose first attempt fails, and a message that comes to its dialog',
    before: waiting,
    acts: [delivers((earlier) => (earlier === 0 ? 500 : 200)), resolves([message(1)])],
    drain,
  },
  {
    name: 'a run whose message is refused, and a message that comes to its dialog',
    before: waiting,
    acts: [delivers((earlier) => (earlier === 0 ? 400 : 200)), resolves([message(1)])],
    drain,
  },
  {
    name: 'two runs over a lane of one message, where the first attempt fails',
    before: waiting,
    acts: [delivers((earlier) => (earlier === 0 ? 500 : 200)), delivers()],
    drain,
  },
  {
    name: 'two runs over one lane',
    before: [resolves([message(0), message(1)])],
    acts: [delivers(), delivers()],
    drain,
  },
  {
    name: 'two runs over one lane, where the first attempt fails',
    before: [resolves([message(0), message(1)])],
    acts: [delivers((earlier) => (earlier === 0 ? 500 : 200)), delivers()],
    drain,
  },
  {
    name: 'two runs over one lane, where the first message is refused',
    before: [resolves([message(0), message(1)])],
    acts: [delivers((earlier) => (earlier === 0 ? 400 : 200)), delivers()],
    drain,
  },
  {
    name: 'a run, and a dead message that comes back to its dialog',
    quick: true,
    before: [resolves([message(0)]), delivers(() => 400), resolves([message(1)])],
    acts: [delivers(), revivesDead],
    drain,
  },
];

/** Three participants. */
export const THREE_ON_A_LANE: readonly Scene[] = [
  {
    name: 'two runs over one lane, and a message that comes to its dialog',
    quick: true,
    before: waiting,
    acts: [delivers(), delivers(), resolves([message(1)])],
    drain,
  },
  {
    name: 'a run whose first attempts fail, another, and a message that comes',
    before: waiting,
    acts: [delivers((earlier) => (earlier < 2 ? 500 : 200)), delivers(), resolves([message(1)])],
    drain,
  },
  {
    name: 'a run, and two messages that come to its dialog',
    before: waiting,
    acts: [delivers(), resolves([message(1)]), resolves([message(2)])],
    drain,
  },
];
