import { durationText } from '../duration-text.ts';
import { printable, printableLines } from '../printable.ts';
import { paint } from '../table.ts';
import type { Event } from './events.ts';
import type { Told } from './find-messages.ts';

const COLOURS = { delivered: 'green', dead: 'red', parked: 'red' } as const;

const colourOf = (word: string) => COLOURS[word as keyof typeof COLOURS] ?? 'yellow';

const line = (name: string, ...values: Array<string | null>): string[] => {
  const known = values.filter((value) => value !== null).map(printable);
  return known.length === 0 ? [] : [`  ${paint('dim', name.padEnd(8))} ${known.join(', ')}`];
};

/** `2024-12-10 10:00:15.123Z  +12 ms  resolved  …`; times are counted from the first one. */
function timeLine(events: readonly Event[]): string[] {
  const startMs = Date.parse(events[0]?.at ?? '');
  return events.map(({ at, what, detail }, index) => {
    const ms = Date.parse(at) - startMs;
    const sinceStart = index === 0 ? '' : `${ms < 0 ? '' : '+'}${durationText(ms)}`;
    const word = what.padEnd(14);
    return [
      `  ${at.replace('T', ' ')}`,
      sinceStart.padStart(9),
      COLOURS[what as keyof typeof COLOURS] ? paint(colourOf(what), word) : word,
      printable(detail),
    ]
      .join('  ')
      .trimEnd();
  });
}

/** A message as a reader wants it: whose it is, then its time line. */
export function linesOfMessage(told: Told, { withText }: { withText: boolean }): string[] {
  return [
    `${told.messageId}  ${paint(colourOf(told.state), told.state)}`,
    ...line('trace', told.traceId),
    ...line('channel', told.channel, told.chat && `chat ${told.chat}`),
    ...line('tenant', told.tenantName, told.tenantId),
    ...line('client', told.clientId),
    ...line('dialog', told.dialogId),
    ...timeLine(told.events),
    ...(told.note === null ? [] : [`  ${paint('dim', told.note)}`]),
    ...(withText ? printableLines(told.text ?? '(no text)').map((text) => `  ${text}`) : []),
  ];
}

/** The same for a script; the text only where it was asked for. */
export function bodyOfMessage(told: Told, { withText }: { withText: boolean }): object {
  const startMs = Date.parse(told.events[0]?.at ?? '');
  return {
    message_id: told.messageId,
    trace_id: told.traceId,
    state: told.state,
    channel: told.channel,
    external_chat_id: told.chat,
    tenant_id: told.tenantId,
    tenant_name: told.tenantName,
    client_id: told.clientId,
    dialog_id: told.dialogId,
    attempts: told.attempts,
    ...(withText ? { text: told.text } : {}),
    events: told.events.map(({ at, what, detail }) => ({
      at,
      ms: Date.parse(at) - startMs,
      what,
      detail,
    })),
  };
}
