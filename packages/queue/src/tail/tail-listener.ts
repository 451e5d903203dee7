import { connectPatient, type OnError } from '../connection.ts';
import { readBeat, TAIL_CHANNEL, type TailBeat } from './tail-beat.ts';

export interface TailListener {
  close(): Promise<void>;
}

/** Hears what every process tells once a second, and goes on after an outage of Redis. */
export function createTailListener(o: {
  redisUrl: string;
  onError: OnError;
  onBeat: (beat: TailBeat) => void;
}): TailListener {
  const { client, disconnect } = connectPatient(o.redisUrl);
  client.on('error', o.onError);
  client.on('message', (_, text) => {
    const beat = readBeat(text);
    if (beat !== undefined) o.onBeat(beat);
  });
  client.subscribe(TAIL_CHANNEL).catch(o.onError);
  return {
    close: async () => disconnect(),
  };
}
