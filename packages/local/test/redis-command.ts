import { once } from 'node:events';
import { connect } from 'node:net';

/** Sends one inline command to a Redis and returns its raw answer. */
export async function askRedis(port: number, command: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.write(`${command}\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}
