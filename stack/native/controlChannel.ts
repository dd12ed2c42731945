/**
 * The line between whoever uses a native stack and its supervisor, which alone can start the servers: they are its
 * children. One connection for each request; one line of JSON there, one back when it is done.
 *
 * An abstract socket of Linux, as in lock.ts: the path of a socket file may have 107 characters only, and the cache may
 * lie deeper; and no file is left when the supervisor is killed. Whoever may log in on this machine may use it, and the
 * servers too, which ask for no password that would not be known.
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

/** Answers requests from now on, each when `handle` is through with it. */
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

/** Resolves when the supervisor has done it, rejects with what it says. */
export async function requestControl(stackName: string, request: ControlRequest): Promise<void> {
  const socket = createConnection({path: socketName(stackName)});
  socket.write(`${JSON.stringify(request)}\n`);
  let line: string;
  try {
    line = await firstLine(socket);
  } catch {
    throw new StackError(
      `The supervisor of the stack "${stackName}" does not answer: it was taken down, or is an older one.`,
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
    // Stays after the line has come: a peer that leaves before its reply must not end this process.
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed before a line came')));
  });
}
