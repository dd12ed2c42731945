/**
 * The control channel between the users of a native stack and its supervisor. Only the supervisor can start servers,
 * because they are its child processes. Each request uses one connection: one line of JSON, and one line as the response.
 *
 * It is an abstract Unix socket, as in lock.ts, for two reasons. The path of a socket file is limited to 107 characters,
 * and a killed supervisor would leave the file. Every local user can use the channel. That gives no new rights, because
 * the passwords of the servers are public too.
 */
import {createHash} from 'node:crypto';
import {createConnection, createServer, type Socket} from 'node:net';
import {z} from 'zod';
import {stackFolder} from '../folders.js';
import {EXIT_CODE, messageOf, StackError} from '../stackError.js';
import {SERVER_ACTIONS, SERVER_NAMES} from '../stackState.js';

const LINE_CHARACTERS_MAX = 10_000;

const requestSchema = z.object({action: z.enum(SERVER_ACTIONS), server: z.enum(SERVER_NAMES)});
const replySchema = z.object({error: z.string().optional()});

export type ControlRequest = z.infer<typeof requestSchema>;
type ControlReply = z.infer<typeof replySchema>;

/** Serves requests from now on. Each response is sent when `handle` has completed. */
export function serveControl(
  stackName: string,
  handle: (request: ControlRequest) => Promise<void>,
): Promise<void> {
  const server = createServer((socket) => {
    const reply = async (): Promise<ControlReply> => {
      await handle(requestSchema.parse(JSON.parse(await firstLine(socket))));
      return {};
    };
    void reply()
      .catch((error: unknown): ControlReply => ({error: messageOf(error)}))
      .then((answer) => socket.end(`${JSON.stringify(answer)}\n`));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({path: socketName(stackName), exclusive: true}, resolve);
  });
}

/** Resolves when the supervisor has executed the request. Rejects with the supervisor's error message. */
export async function requestControl(stackName: string, request: ControlRequest): Promise<void> {
  const socket = createConnection({path: socketName(stackName)});
  socket.write(`${JSON.stringify(request)}\n`);
  let line: string;
  try {
    line = await firstLine(socket);
  } catch {
    throw new StackError(
      `The supervisor of the stack "${stackName}" did not respond. The stack was stopped, or an older version started it.`,
      EXIT_CODE.unavailable,
    );
  } finally {
    socket.destroy();
  }
  const {error} = replySchema.parse(JSON.parse(line));
  if (error !== undefined) throw new StackError(error);
}

function socketName(stackName: string): string {
  const key = createHash('sha256').update(stackFolder(stackName)).digest('hex').slice(0, 32);
  return `\0order-projector-control-${key}`;
}

function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (data: string) => {
      text += data;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
      else if (text.length > LINE_CHARACTERS_MAX) socket.destroy();
    });
    // This listener stays after the line has arrived: a peer that disconnects early must not end this process.
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection was closed before a complete line arrived')));
  });
}
