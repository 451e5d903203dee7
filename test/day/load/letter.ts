import { CHANNELS } from '@contour/contract';
import type { Dice } from '../../support/dice.ts';
import { type Body, idOf } from '../../support/messages.ts';
import { type Account, type Person, personOf, type Tenant, type Town } from '../town.ts';

/** A message as its sender has it. */
export interface Letter {
  id: string;
  body: Body;
  account: Account;
  /** Whether it was sent before. `conflict`: with another text. */
  repeats: 'nothing' | 'itself' | 'conflict';
}

const CREDENTIAL_IN_MEDIA = 0.1;
const NEW_PERSON = 0.1;

/** A person who has written before, more likely a recent one, or a new person. */
function pickPerson(town: Town, tenant: Tenant, dice: Dice): { number: number; person: Person } {
  if (tenant.people === 0 || dice.chance(NEW_PERSON)) tenant.people += 1;
  const back = Math.floor(tenant.people * (dice.between(0, 999) / 1000) ** 3);
  const number = tenant.people - 1 - back;
  return { number, person: personOf(town, tenant, number) };
}

/** Numbers a town's messages, so that each has its own ids. */
export function createWriter(town: Town) {
  let count = 0;

  const write = (account: Account, person: Person, dice: Dice): Letter => {
    const { channel, credential, tenant } = account;
    count += 1;
    const number = `${tenant.index}-${count}`;
    const hasMedia = dice.chance(CREDENTIAL_IN_MEDIA);
    const body: Body = {
      channel,
      [CHANNELS[channel].credentialField]: credential,
      external_chat_id: person.chatOf(channel),
      client_name: dice.chance(0.8) ? person.name : null,
      client_phone: dice.chance(0.8) ? person.phone : null,
      text: `Сообщение ${number} 你好 ${'…'.repeat(dice.between(0, 40))}`,
      message_ids: Array.from({ length: dice.between(1, 3) }, (_, i) => `${number}-${i}`),
      trace_id: `trace-${number}`,
      meta: { batched: true, big: 12345678901 },
      ...(hasMedia ? { media: { url: `https://files.test/bot${credential}/${number}` } } : {}),
    };
    return { id: idOf(body), body, account, repeats: 'nothing' };
  };

  return {
    /** From a person of a tenant, to one of the accounts to which this person writes. */
    toTenant(tenant: Tenant, dice: Dice): Letter {
      const { number, person } = pickPerson(town, tenant, dice);
      const { accounts } = tenant;
      const place = number + dice.between(0, person.reach - 1);
      const account = accounts[place % accounts.length] ?? dice.pick(accounts);
      return write(account, person, dice);
    },
    /** Many messages of one chat at once. */
    toAccount(account: Account, dice: Dice): Letter {
      const { person } = pickPerson(town, account.tenant, dice);
      return write(account, person, dice);
    },
  };
}

export type Writer = ReturnType<typeof createWriter>;

/** The same message again. Its trace may differ. */
export function repeatOf({ body, ...letter }: Letter, dice: Dice): Letter {
  const trace = `trace-again-${dice.between(0, 1_000_000)}`;
  const again = dice.chance(0.5) ? { ...body, trace_id: trace } : body;
  return { ...letter, body: again, repeats: 'itself' };
}

/** Another message under the same ids. */
export function conflictOf({ body, ...letter }: Letter): Letter {
  return { ...letter, body: { ...body, text: `${body.text} (otherwise)` }, repeats: 'conflict' };
}
