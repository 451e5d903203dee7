import { randomBytes } from 'node:crypto';
import { CHANNEL_CODES } from '@contour/contract';
import { readEnv } from '@contour/runtime';
import { type AddCommand, type Cli, UsageError } from '../cli.ts';
import { senderEnv } from '../env.ts';
import { createProgressBar } from '../progress-bar.ts';
import { type CredentialSource, readCredential } from '../read-credential.ts';
import { createStopSignal } from '../stop-signal.ts';
import { createPoster, type LoadPlan, runLoad } from './load-run.ts';

/** As they are typed. */
export interface LoadOptions extends CredentialSource {
  url: string;
  rate: string;
  count: string;
  chats: string;
  channel: string;
  newShare: string;
  yesReally?: boolean;
}

type LoadOrder = Omit<LoadPlan, 'run' | 'credential'> & { url: URL };

const MAX_COUNT = 10_000_000;
const MAX_RATE = 100_000;
/** More do not help a server, and a sender's machine has limits, too. */
const CONNECTIONS = 500;

const isLoopback = ({ hostname }: URL): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);

function numberOf(name: string, text: string, min: number, max: number, isWhole: boolean): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max && (!isWhole || Number.isInteger(value))) return value;
  throw new UsageError(`--${name} must be a ${isWhole ? 'whole ' : ''}number, ${min} to ${max}`);
}

/** The errors do not repeat the address, because it may hold a password. */
function resolveUrl(text: string, isMeant: boolean): URL {
  const base = URL.canParse(text) ? new URL(text) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol)) {
    throw new UsageError('--url must be a URL that begins with http:// or https://');
  }
  if (base.username !== '' || base.password !== '') {
    throw new UsageError('--url must not hold a password: the API key comes from API_KEY');
  }
  if (!isLoopback(base) && !isMeant) {
    throw new UsageError(
      'this writes real messages, and --url is another machine: give --yes-really if it is meant',
    );
  }
  base.pathname = `${base.pathname.replace(/\/$/, '')}/resolve`;
  return base;
}

/** Throws UsageError for invalid options. */
export function readLoadOptions(options: LoadOptions): LoadOrder {
  const channel = CHANNEL_CODES.find((code) => code === options.channel);
  if (channel === undefined) {
    throw new UsageError(`--channel must be one of ${CHANNEL_CODES.join(', ')}`);
  }
  return {
    url: resolveUrl(options.url, options.yesReally === true),
    rate: numberOf('rate', options.rate, 0.001, MAX_RATE, false),
    count: numberOf('count', options.count, 1, MAX_COUNT, true),
    chats: numberOf('chats', options.chats, 1, MAX_COUNT, true),
    channel,
    newShare: numberOf('new-share', options.newShare, 0, 1, false),
  };
}

const rounded = (value: number) => Math.round(value * 10) / 10;

/** The smallest latency that this share of all answers did not exceed. */
function percentile(ascending: readonly number[], share: number): number {
  const index = Math.ceil(ascending.length * share) - 1;
  return rounded(ascending[Math.max(0, index)] ?? 0);
}

function latencyOf(ascending: readonly number[]) {
  if (ascending.length === 0) return null;
  const [p50, p90] = [percentile(ascending, 0.5), percentile(ascending, 0.9)];
  return { p50, p90, p99: percentile(ascending, 0.99), max: percentile(ascending, 1) };
}

function summaryOf(run: string, { count, rate: asked }: LoadOrder, result: LoadResult) {
  const { sent, seconds, statuses, errors, latencies } = result;
  // Answers with 200 per second.
  const rate = rounded((statuses['200'] ?? 0) / seconds);
  return {
    ...{ run, asked: { count, rate: asked }, sent, seconds: rounded(seconds), rate },
    ...{ statuses, errors, latency_ms: latencyOf(latencies) },
  };
}

type LoadResult = Awaited<ReturnType<typeof runLoad>>;

const counted = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([name, n]) => `${n} × ${name}`)
    .join(', ') || 'none';

function linesOf(summary: ReturnType<typeof summaryOf>): string[] {
  const { asked, latency_ms: latency } = summary;
  return [
    `run      ${summary.run}: its messages and traces begin with it`,
    `sent     ${summary.sent} of ${asked.count} in ${summary.seconds} s`,
    `rate     ${summary.rate}/s accepted, ${asked.rate}/s asked for`,
    `answers  ${counted(summary.statuses)}`,
    `errors   ${counted(summary.errors)}`,
    latency === null
      ? 'latency  none: nothing was answered'
      : `latency  p50 ${latency.p50} ms, p90 ${latency.p90} ms, p99 ${latency.p99} ms, max ${latency.max} ms`,
  ];
}

/** Ctrl-C ends the sending, not the command: the results so far are shown. */
async function send(order: LoadOrder, credential: string, key: string | undefined, cli: Cli) {
  const { url, ...asked } = order;
  const run = `load-${randomBytes(5).toString('hex')}`;
  cli.complain(`${run} writes ${order.count} real messages to ${url.host}`);
  const poster = createPoster(url, key, CONNECTIONS);
  const { signal, forget } = createStopSignal();
  signal.onabort = poster.close;
  const bar = createProgressBar(cli.screen);
  const show = (done: number) => bar.show('Sending', done, order.count);
  try {
    const plan = { ...asked, run, credential };
    return summaryOf(run, order, await runLoad(plan, CONNECTIONS, poster.post, signal, show));
  } finally {
    bar.end();
    poster.close();
    forget();
  }
}

export const add: AddCommand = (program, cli) => {
  program
    .command('load')
    .description('send real messages at a steady rate, and time the answers')
    .requiredOption('--url <url>', "the API's address")
    .requiredOption('--rate <n>', 'messages per second')
    .requiredOption('--count <n>', 'messages in all')
    .option('--chats <n>', 'how many chats they come from', '100')
    .option('--channel <code>', 'their channel', 'telegram')
    .option('--new-share <n>', 'share of messages from a new chat', '0.1')
    .option('--file <path>', 'read the credential from a file')
    .option('--stdin', 'read it from a pipe; on a terminal it is asked for')
    .option('--yes-really', 'also to an address that is not of this machine')
    .addHelpText(
      'after',
      '\nThe API key, where one is needed, comes from API_KEY.\n\nExample:\n' +
        '  contour load --url http://127.0.0.1:8772 --rate 50 --count 1000 --file t.txt',
    )
    .action(async (options: LoadOptions) => {
      const order = readLoadOptions(options);
      const { API_KEY: key } = readEnv(senderEnv, cli.env);
      const credential = await readCredential(cli, options);
      const summary = await send(order, credential, key, cli);
      cli.report(summary, () => linesOf(summary));
      if (summary.statuses['200'] !== order.count) cli.endWithOne();
    });
};
