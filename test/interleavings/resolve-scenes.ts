import { closesDialogs, inOneTransaction, resolves, type Scene } from './scene.ts';

const PHONE = '+79990001122';
const OTHER_PHONE = '+79990001133';

/** One message; `m` numbers it. */
const message = (m: number, change: Record<string, unknown> = {}) => ({
  external_chat_id: 'chat',
  message_ids: [`m${m}`],
  ...change,
});

const whatsapp = (m: number, change: Record<string, unknown> = {}) =>
  message(m, { channel: 'whatsapp', external_chat_id: 'another chat', ...change });

const vk = (m: number, change: Record<string, unknown> = {}) =>
  message(m, { channel: 'vk', external_chat_id: 'a third chat', ...change });

/** A message of a chat of its own. */
const chatOf = (m: number, change: Record<string, unknown>) =>
  message(m, { external_chat_id: `chat ${m}`, ...change });

const phone = { client_phone: PHONE, client_name: 'A name' };
const otherPhone = { client_phone: OTHER_PHONE };

/** Two batches that affect each other. */
export const TWO_RESOLVES: readonly Scene[] = [
  {
    name: 'two first messages of one chat',
    quick: true,
    acts: [resolves([message(1)]), resolves([message(2)])],
  },
  {
    name: 'two first messages of one chat, one of which gives name and phone',
    acts: [resolves([message(1)]), resolves([message(2, phone)])],
  },
  {
    name: 'one message twice, of a new chat',
    acts: [resolves([message(1, phone)]), resolves([message(1, phone)])],
  },
  {
    name: 'one message twice, of a known chat',
    quick: true,
    before: [resolves([message(0)])],
    acts: [resolves([message(1)]), resolves([message(1)])],
  },
  {
    name: 'one message twice, with different texts',
    acts: [resolves([message(1)]), resolves([message(1, { text: 'something else' })])],
  },
  {
    name: 'two messages of one dialog',
    quick: true,
    before: [resolves([message(0)])],
    acts: [resolves([message(1)]), resolves([message(2)])],
  },
  {
    name: 'two messages of one dialog, each beside one of a new chat',
    before: [resolves([message(0)])],
    acts: [resolves([message(1), whatsapp(3)]), resolves([message(2), vk(4)])],
  },
  {
    name: 'two batches that share two dialogs, each beside a new chat',
    before: [resolves([message(0), whatsapp(0)])],
    acts: [
      resolves([message(1), whatsapp(2), vk(3)]),
      resolves([whatsapp(4), message(5), vk(6, { external_chat_id: 'a fourth' })]),
    ],
  },
  {
    name: 'two messages of a chat whose dialog was closed',
    before: [resolves([message(0)]), closesDialogs],
    acts: [resolves([message(1)]), resolves([message(2)])],
  },
  {
    name: 'a message while its dialog is being closed',
    quick: true,
    before: [resolves([message(0)])],
    acts: [resolves([message(1)]), closesDialogs],
  },
  {
    name: 'a message while its dialog is being closed, beside other work',
    before: [resolves([message(0)])],
    acts: [resolves([message(1)]), inOneTransaction(closesDialogs)],
  },
  {
    name: 'a new phone from two channels',
    acts: [resolves([message(1, phone)]), resolves([whatsapp(2, phone)])],
  },
  {
    name: 'a known phone from two new channels',
    before: [resolves([message(0, phone)])],
    acts: [resolves([whatsapp(1, phone)]), resolves([vk(2, phone)])],
  },
  {
    name: 'the last place of a phone from two new channels',
    before: [resolves(Array.from({ length: 19 }, (_, n) => chatOf(n, phone)))],
    acts: [resolves([whatsapp(101, phone)]), resolves([vk(102, phone)])],
  },
  {
    name: 'the last place of a phone, and a place of another, from batches that give both',
    before: [
      resolves(Array.from({ length: 19 }, (_, n) => chatOf(n, phone))),
      resolves([vk(0, otherPhone)]),
    ],
    acts: [
      resolves([whatsapp(101, phone), chatOf(102, otherPhone)]),
      resolves([chatOf(103, phone), whatsapp(104, { external_chat_id: 'w', ...otherPhone })]),
    ],
  },
  {
    name: 'a new phone from two channels that are not to be linked',
    acts: [
      resolves([message(1, phone)], { linkByPhone: false }),
      resolves([whatsapp(2, phone)], { linkByPhone: false }),
    ],
  },
  {
    name: 'a phone from a known client and from a new channel',
    quick: true,
    before: [resolves([message(0)])],
    acts: [resolves([message(1, phone)]), resolves([whatsapp(2, phone)])],
  },
  {
    name: 'a phone from two known clients',
    before: [resolves([message(0), whatsapp(0)])],
    acts: [resolves([message(1, phone)]), resolves([whatsapp(2, phone)])],
  },
  {
    name: 'two phones, each from a known client of one batch and a new channel of the other',
    before: [resolves([message(0), whatsapp(0)])],
    acts: [
      resolves([message(1, phone), vk(2, otherPhone)]),
      resolves([whatsapp(3, otherPhone), vk(4, { external_chat_id: 'a fourth', ...phone })]),
    ],
  },
  {
    name: 'two batches that share a message and a chat',
    acts: [
      resolves([message(1), message(2), whatsapp(3)]),
      resolves([message(2), whatsapp(4), message(5)]),
    ],
  },
];

/** Three participants. */
export const THREE_RESOLVES: readonly Scene[] = [
  {
    name: 'three first messages of one chat',
    acts: [1, 2, 3].map((m) => resolves([message(m)])),
  },
  {
    name: 'one message three times, of a new chat',
    acts: [1, 1, 1].map((m) => resolves([message(m, phone)])),
  },
  {
    name: 'three messages of one dialog, one of them twice',
    before: [resolves([message(0)])],
    acts: [resolves([message(1)]), resolves([message(1), message(2)]), resolves([message(2)])],
  },
  {
    name: 'a new phone from three channels',
    acts: [message, whatsapp, vk].map((of, m) => resolves([of(m, phone)])),
  },
  {
    name: 'one chat, one phone and one message between three batches',
    quick: true,
    acts: [
      resolves([message(1), whatsapp(2, phone)]),
      resolves([vk(3, phone), message(1)]),
      resolves([message(4, phone), vk(3, phone)]),
    ],
  },
  {
    name: 'one message twice while its dialog is being closed',
    before: [resolves([message(0)])],
    acts: [resolves([message(1)]), resolves([message(1)]), closesDialogs],
  },
];
