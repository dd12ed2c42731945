/**
 * The socket that kafkajs 2.2.4 gets. Its own way with sockets loses its place in the log of a cut line:
 *
 * - It keeps the part of an answer that came before a cut, and takes what the next connection brings for the rest. From
 *   there on every length that it reads is made up: it waits for ever, or throws where nobody catches. So it gets whole
 *   answers only, and the part of one is forgotten with its socket.
 * - Its handlers belong to the connection, not to the socket: what an old socket still says ends the new one. So a socket
 *   that has reported its end, or that the client has ended, says nothing more.
 * - It waits for ever for a connection that ends before it is ready, if that ends without an error. So such an end is one.
 */
import {EventEmitter} from 'node:events';
import {connect as connectTcp, isIP, type Socket} from 'node:net';
import {connect as connectTls} from 'node:tls';
import type {ISocketFactory} from 'kafkajs';
import {cutOff} from '../tls.js';

const KEEP_ALIVE_MS = 60_000;
/** An answer is its length, four bytes, big-endian, and so many bytes: kafka.apache.org/protocol, "Protocol Primitive Types". */
const LENGTH_BYTES = 4;

type SocketArguments = Parameters<ISocketFactory>[0];

/** Of a socket, kafkajs uses `on`, `write`, `end` and `unref`. */
class KafkaSocket extends EventEmitter {
  readonly #socket: Socket;
  readonly #answers = new WholeAnswers();
  #isReady = false;
  #isOver = false;
  /** With TLS, until the first bytes come. */
  #isUnanswered: boolean;

  constructor({host, port, ssl, onConnect}: SocketArguments) {
    super();
    // Its type says otherwise: it comes as it was configured, and `true` stands for no options.
    const tls: unknown = ssl;
    const connected = (): void => {
      this.#isReady = true;
      if (!this.#isOver) onConnect();
    };
    const place = {host, port, noDelay: true};
    // A name is sent along, as a server of many names needs it; an address must not be.
    const name = isIP(host) === 0 ? {servername: host} : {};
    const socket =
      tls === undefined || tls === false
        ? connectTcp(place, connected)
        : connectTls({...place, ...name, ...(tls === true ? {} : ssl)}, connected);
    this.#socket = socket;
    this.#isUnanswered = tls !== undefined && tls !== false;
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('data', (bytes: Buffer) => this.#onBytes(bytes));
    socket.on('error', (error: Error) => this.#finish('error', error));
    // Before it is ready, what went wrong is told behind the end.
    socket.on('end', () => this.#isReady && this.#finish('end'));
    socket.on('close', () => {
      if (this.#isReady) this.#finish('end');
      else this.#finish('error', new Error('the connection was closed before it was ready'));
    });
  }

  write(bytes: Buffer, encoding?: BufferEncoding): boolean {
    return this.#socket.write(bytes, encoding);
  }

  /** What was written is sent; no answer is waited for. */
  end(): void {
    this.#isOver = true;
    if (this.#socket.connecting) this.#socket.destroy();
    else this.#socket.destroySoon();
  }

  unref(): void {
    this.#socket.unref();
  }

  #onBytes(bytes: Buffer): void {
    this.#isUnanswered = false;
    if (this.#isOver) return;
    try {
      const whole = this.#answers.add(bytes);
      if (whole !== undefined) this.emit('data', whole);
    } catch (error) {
      this.#socket.destroy(error as Error);
    }
  }

  #finish(how: 'end' | 'error', error?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#isReady && this.#isUnanswered) this.emit('error', cutOff(error ?? new Error('closed')));
    else this.emit(how, error);
  }
}

/** Cuts a stream of bytes into answers. */
export class WholeAnswers {
  #parts: Buffer[] = [];
  #heldBytes = 0;
  #neededBytes = LENGTH_BYTES;

  /** All answers that are whole by now, one behind the other; undefined when there is none. */
  add(bytes: Buffer): Buffer | undefined {
    this.#parts.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes < this.#neededBytes) return undefined;
    const held = this.#parts.length === 1 ? bytes : Buffer.concat(this.#parts, this.#heldBytes);
    let end = 0;
    let next = lengthAt(held, 0);
    while (next !== undefined && end + next <= held.length) {
      end += next;
      next = lengthAt(held, end);
    }
    this.#parts = end === held.length ? [] : [held.subarray(end)];
    this.#heldBytes = held.length - end;
    this.#neededBytes = next ?? LENGTH_BYTES;
    return end === 0 ? undefined : held.subarray(0, end);
  }
}

/** Of the answer that begins here, with its length field; undefined when that is not all there. */
function lengthAt(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < LENGTH_BYTES) return undefined;
  const length = bytes.readInt32BE(at);
  if (length < 0) throw new Error(`what answers is not Kafka: it says that ${length} bytes follow`);
  return LENGTH_BYTES + length;
}

export const kafkaSocket: ISocketFactory = (socketArguments) =>
  new KafkaSocket(socketArguments) as unknown as Socket;
