/**
 * The socket for kafkajs 2.2.4. It works around three defects of kafkajs when a connection breaks:
 *
 * - A response that was cut off corrupts the next connection:
 *   1. The connection breaks within a response, and kafkajs keeps the first part.
 *   2. kafkajs appends the bytes of the next connection to this part.
 *   3. From there on every length that it reads is wrong. It waits without a limit, or throws an error that no code catches.
 *   So this socket delivers only complete responses, and discards an incomplete one when the socket closes.
 * - kafkajs binds its event handlers to its connection object, not to the socket. So an event of an old socket would close the new one.
 *   A socket emits nothing after it has reported its end, or after the client has ended it.
 * - If a connection closes before it is ready, and without an error, kafkajs waits without a limit. So this socket emits an error.
 */
import {EventEmitter} from 'node:events';
import {connect as connectTcp, isIP, type Socket} from 'node:net';
import {connect as connectTls} from 'node:tls';
import type {ISocketFactory} from 'kafkajs';
import {cutOff} from '../tls.js';

const KEEP_ALIVE_MS = 60_000;
/**
 * A response begins with its length: four bytes, big-endian. Its bytes follow.
 * Source: kafka.apache.org/protocol, "Protocol Primitive Types".
 */
const LENGTH_BYTES = 4;

type SocketArguments = Parameters<ISocketFactory>[0];

/** Implements the methods of a socket that kafkajs uses: `on`, `write`, `end` and `unref`. */
class KafkaSocket extends EventEmitter {
  readonly #socket: Socket;
  readonly #answers = new WholeAnswers();
  #isReady = false;
  #isOver = false;
  /** True with TLS, until the first bytes arrive. */
  #isUnanswered: boolean;

  constructor({host, port, ssl, onConnect}: SocketArguments) {
    super();
    // The type of `ssl` is wrong. kafkajs passes the value of its configuration, and `true` means TLS without options.
    const tls: unknown = ssl;
    const connected = (): void => {
      this.#isReady = true;
      if (!this.#isOver) onConnect();
    };
    const place = {host, port, noDelay: true};
    // A host name is sent as SNI, because a server with several certificates requires it. TLS does not allow an IP address there.
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
    // Before the socket is ready, the reason of a failure follows `end`, in `error` or `close`.
    socket.on('end', () => this.#isReady && this.#finish('end'));
    socket.on('close', () => {
      if (this.#isReady) this.#finish('end');
      else this.#finish('error', new Error('the connection was closed before it was ready'));
    });
  }

  write(bytes: Buffer, encoding?: BufferEncoding): boolean {
    return this.#socket.write(bytes, encoding);
  }

  /** Sends the written data and closes the socket. It does not wait for a response. */
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
    if (this.#isReady && this.#isUnanswered) this.emit('error', cutOff(error ?? new Error('end of stream')));
    else this.emit(how, error);
  }
}

/** Divides a stream of bytes into complete responses. */
export class WholeAnswers {
  #parts: Buffer[] = [];
  #heldBytes = 0;
  #neededBytes = LENGTH_BYTES;

  /** Adds bytes. Returns all responses that are complete now, one after the other. Undefined if none is complete. */
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

/** The size of the response that begins at `at`, with its length field. Undefined if the length field is incomplete. */
function lengthAt(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < LENGTH_BYTES) return undefined;
  const length = bytes.readInt32BE(at);
  if (length < 0) throw new Error(`the server is not Kafka: its response has the invalid length ${length}`);
  return LENGTH_BYTES + length;
}

export const kafkaSocket: ISocketFactory = (socketArguments) =>
  new KafkaSocket(socketArguments) as unknown as Socket;
