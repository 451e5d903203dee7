import {
  durationText,
  findMessages,
  type MessageStory,
  type StoryEvent,
  storySources,
} from '@contour/operations';
import { createProducer } from '@contour/queue/producer';
import { readEnv } from '@contour/runtime';
import { type AddCommand, NotThere } from '../cli.ts';
import { serversEnv } from '../env.ts';
import { withDatabase, withRedis } from '../servers.ts';
import { field, paint, printable, printableLines } from '../text.ts';

const COLOURS = { delivered: 'green', dead: 'red', parked: 'red' } as const;

const colourOf = (word: string) => COLOURS[word as keyof typeof COLOURS] ?? 'yellow';

/** `2024-12-10 10:00:15.123Z  +12 ms  resolved  …`; the distance is from the first event. */
function timeLine(events: readonly StoryEvent[]): string[] {
  const startMs = Date.parse(events[0]?.at ?? '');
  return events.map(({ at, what, detail }, index) => {
    const ms = Date.parse(at) - startMs;
    const sinceStart = index === 0 ? '' : `${ms < 0 ? '' : '+'}${durationText(ms)}`;
    const word = what.padEnd(14);
    const shown = what in COLOURS ? paint(colourOf(what), word) : word;
    const time = `  ${at.replace('T', ' ')}  ${sinceStart.padStart(9)}`;
    return `${time}  ${shown}  ${printable(detail)}`.trimEnd();
  });
}

/** What the operator should know besides, or can do. */
function noteOf({ state, channel, tenantIsActive, parkedAs }: MessageStory): string | undefined {
  if (state === 'queued') return 'it waits to be resolved: nothing else is known yet';
  if (parkedAs?.reason === 'unknown_tenant') {
    return `contour channel add <tenant> ${channel} lets it in by itself`;
  }
  if (parkedAs !== null) return `contour dlq replay ${parkedAs.id} sends it in again`;
  if (tenantIsActive !== false) return undefined;
  return 'its tenant is disabled; messages that were accepted before are still delivered';
}

/** A message for a reader: whose it is, then its time line. */
function linesOf(story: MessageStory, withText: boolean): string[] {
  const note = noteOf(story);
  return [
    `${story.messageId}  ${paint(colourOf(story.state), story.state)}`,
    ...field('  trace    ', story.traceId),
    ...field('  channel  ', story.channel, story.chat && `chat ${story.chat}`),
    ...field('  tenant   ', story.tenantName, story.tenantId),
    ...field('  client   ', story.clientId),
    ...field('  dialog   ', story.dialogId),
    ...timeLine(story.events),
    ...(note === undefined ? [] : [`  ${paint('dim', note)}`]),
    ...(withText ? printableLines(story.text ?? '(no text)').map((text) => `  ${text}`) : []),
  ];
}

/** The same for a script. */
function bodyOf(story: MessageStory, withText: boolean): object {
  const startMs = Date.parse(story.events[0]?.at ?? '');
  const { messageId, traceId, state, channel, chat, tenantId, tenantName } = story;
  return {
    ...{ message_id: messageId, trace_id: traceId, state, channel, external_chat_id: chat },
    ...{ tenant_id: tenantId, tenant_name: tenantName },
    ...{ client_id: story.clientId, dialog_id: story.dialogId, attempts: story.attempts },
    ...(withText ? { text: story.text } : {}),
    events: story.events.map(({ at, what, detail }) => {
      return { at, ms: Date.parse(at) - startMs, what, detail };
    }),
  };
}

export const add: AddCommand = (program, cli) => {
  const message = program
    .command('message')
    .description('show what happened to a message')
    .addHelpText('after', '\nExample:\n  contour message show trace_xyz789');
  message
    .command('show')
    .description('the story of a message, or of all messages of a trace, as a time line')
    .argument('<id>', 'a message id or a trace id')
    .option('--text', "show the message's text, too")
    .addHelpText('after', '\nExample:\n  contour message show trace_xyz789')
    .action(async (id: string, { text: withText = false }: { text?: boolean }) => {
      const env = readEnv(serversEnv, cli.env);
      const stories = await withRedis(env.REDIS_URL, createProducer, (producer) =>
        withDatabase(env.DATABASE_URL, (pool) => findMessages(storySources(pool, producer), id)),
      );
      if (stories.length === 0) throw new NotThere('no message has this id or trace');
      cli.report({ messages: stories.map((one) => bodyOf(one, withText)) }, () =>
        stories.flatMap((one, index) => [...(index > 0 ? [''] : []), ...linesOf(one, withText)]),
      );
    });
};
