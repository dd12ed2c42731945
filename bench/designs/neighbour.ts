/**
 * Sends a GET to Redis, waits 1 ms after the reply, and so on until SIGTERM. Then it prints the times of all GETs and of its timers as one
 * line of JSON. Its only argument is a NeighbourJob as JSON.
 *
 * It speaks to Redis through a plain socket, because a client library would add its own time and garbage.
 */
import {once} from 'node:events';
import {connect} from 'node:net';

export interface NeighbourJob {
  readonly redisUrl: string;
}

export interface NeighbourResult {
  readonly getsMs: readonly number[];
  /** How much later than set the timers fired. */
  readonly timersMs: readonly number[];
}

const PAUSE_MS = 1;
const GET = '*2\r\n$3\r\nGET\r\n$14\r\nproduct:1:sold\r\n';

const [text] = process.argv.slice(2);
if (text === undefined) throw new Error('usage: neighbour.ts JOB');
process.stdout.write(`${JSON.stringify(await work(JSON.parse(text) as NeighbourJob))}\n`);

async function work({redisUrl}: NeighbourJob): Promise<NeighbourResult> {
  const {hostname, port} = new URL(redisUrl);
  const socket = connect({host: hostname, port: Number(port), noDelay: true});
  await once(socket, 'connect');
  const end = new AbortController();
  process.once('SIGTERM', () => end.abort());
  const getsMs: number[] = [];
  const timersMs: number[] = [];
  // The benchmark waits for this blank. JSON ignores it.
  process.stdout.write(' ');
  while (!end.signal.aborted) {
    const sentMs = performance.now();
    socket.write(GET);
    // The reply is short, so it arrives in one piece.
    await once(socket, 'data');
    const repliedMs = performance.now();
    getsMs.push(repliedMs - sentMs);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    timersMs.push(performance.now() - repliedMs - PAUSE_MS);
  }
  socket.destroy();
  return {getsMs, timersMs};
}
