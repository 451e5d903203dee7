import type { DlqEntry } from '@contour/contract';
import { printable, printableLines } from '../printable.ts';
import { paint } from '../table.ts';

const line = (name: string, value: string | number | null | undefined): string[] =>
  value === null || value === undefined
    ? []
    : [`${paint('dim', name.padEnd(10))}${printable(String(value))}`];

const block = (name: string, text: string | null): string[] =>
  text === null ? [] : [paint('dim', name), ...printableLines(text)];

function linesOfMessage(message: NonNullable<DlqEntry['message']>): string[] {
  const { clientName, clientPhone, clientUsername } = message;
  const sender = [clientName, clientPhone, clientUsername && `@${clientUsername}`].filter(Boolean);
  return [
    ...line('message', message.messageId),
    ...line('trace', message.traceId),
    ...line('channel', message.channel),
    ...line('account', [message.mask, message.fingerprint].filter(Boolean).join(', ')),
    ...line('chat', message.externalChatId),
    ...line('sender', sender.length === 0 ? null : sender.join(', ')),
    ...line('written', message.timestamp),
  ];
}

/** An entry for a reader: why it is here, whose it is, and what it says. */
export function linesOfEntry(entry: DlqEntry): string[] {
  const { message } = entry;
  return [
    ...line('id', entry.id),
    ...line('reason', `${entry.reason}: ${entry.error.message}`),
    ...line('stage', entry.stage),
    ...(message === null ? [] : linesOfMessage(message)),
    ...line('tenant', entry.tenantId),
    ...line('client', entry.clientId),
    ...line('dialog', entry.dialogId),
    ...line('attempts', entry.attempts),
    ...line('received', entry.receivedAt),
    ...line('failed', entry.failedAt),
    ...block('text', message?.text ?? null),
    ...block('media', message?.media ?? null),
    ...block('as sent', entry.raw),
  ];
}
