/**
 * One direction of a proxied connection: bytes go in, and leave in the same order, at once, later, or when the mode
 * allows it. The end of the connection stands in the same line, behind the bytes that came before it.
 */
import type {Socket} from 'node:net';
import type {Random} from './random.js';

export interface Slowness {
  /** Of each direction: a request and its reply take twice as long. */
  readonly latencyMs?: number;
  /** At most so much is added to the latency, evenly spread; order is kept. */
  readonly jitterMs?: number;
  /** Of each connection and direction. */
  readonly bytesPerSecond?: number;
}

/** Shared by all pipes of a direction, and changed while they run. */
export interface PipeMode {
  isHeld: boolean;
  isSliced: boolean;
  slowness: Slowness;
}

interface Item {
  readonly what: Buffer | 'end' | 'reset';
  dueMs: number;
}

/** Then the sender is not read any more, and TCP lets it wait, as on a slow line. */
const PROJECTOR_BUFFER_BYTES_MAX = 1_048_576;
/** On a line of few bytes per second a large chunk arrives in parts, not at once at its end. */
const PARTS_PER_SECOND = 20;

export interface PipeEnds {
  readonly from: Socket;
  readonly to: Socket;
  readonly mode: PipeMode;
  readonly random: Random;
}

export class TcpPipe {
  readonly #ends: PipeEnds;
  #queue: Item[] = [];
  #queuedBytes = 0;
  /** When the line is free again, and when its last item is due. */
  #lineFreeMs = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  #isClosed = false;

  constructor(ends: PipeEnds) {
    this.#ends = ends;
  }

  push(bytes: Buffer): void {
    const {bytesPerSecond} = this.#ends.mode.slowness;
    const partBytes =
      bytesPerSecond === undefined
        ? bytes.length
        : Math.max(1, Math.floor(bytesPerSecond / PARTS_PER_SECOND));
    for (let at = 0; at < bytes.length; at += partBytes) this.#enqueue(bytes.subarray(at, at + partBytes));
    this.#flow();
  }

  /** The sender will send no more; or is gone. */
  finish(how: 'end' | 'reset'): void {
    this.#enqueue(how);
    this.#flow();
  }

  /** After a change of the mode. What waits only because of an earlier slowness waits no longer. */
  wake(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lineFreeMs = 0;
    this.#lastDueMs = 0;
    for (const item of this.#queue) item.dueMs = 0;
    this.#flow();
  }

  close(): void {
    this.#isClosed = true;
    this.#queue = [];
    clearTimeout(this.#timer);
  }

  #enqueue(what: Item['what']): void {
    const length = typeof what === 'string' ? 0 : what.length;
    const {latencyMs = 0, jitterMs = 0, bytesPerSecond = Infinity} = this.#ends.mode.slowness;
    const nowMs = performance.now();
    this.#lineFreeMs = Math.max(nowMs, this.#lineFreeMs) + (length / bytesPerSecond) * 1_000;
    const arrivalMs = this.#lineFreeMs + latencyMs + jitterMs * this.#ends.random.next();
    // Jitter must not let a later byte overtake.
    this.#lastDueMs = Math.max(this.#lastDueMs, arrivalMs);
    this.#queue.push({what, dueMs: this.#lastDueMs});
    this.#queuedBytes += length;
    if (this.#queuedBytes > PROJECTOR_BUFFER_BYTES_MAX) this.#ends.from.pause();
  }

  #flow(): void {
    while (!this.#isClosed && !this.#isWriting && this.#timer === undefined && !this.#ends.mode.isHeld) {
      const item = this.#queue[0];
      if (item === undefined) return;
      const waitMs = item.dueMs - performance.now();
      if (waitMs > 0) this.#flowAfter(waitMs);
      else this.#deliver(item);
    }
  }

  #flowAfter(waitMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flow();
    }, waitMs);
  }

  #deliver(item: Item): void {
    const {to} = this.#ends;
    this.#queue.shift();
    if (item.what === 'end') to.end();
    else if (item.what === 'reset') reset(to);
    else if (this.#ends.mode.isSliced) {
      const rest = item.what.subarray(1);
      if (rest.length > 0) this.#queue.unshift({what: rest, dueMs: item.dueMs});
      // A turn of the event loop for each byte: the receiver may see it alone, and others get their turn too.
      this.#write(item.what.subarray(0, 1), () => setImmediate(() => this.#written()));
    } else this.#write(item.what, () => this.#written());
  }

  #write(bytes: Buffer, written: () => void): void {
    this.#isWriting = true;
    this.#ends.to.write(bytes, () => {
      this.#queuedBytes -= bytes.length;
      written();
    });
  }

  #written(): void {
    this.#isWriting = false;
    if (this.#queuedBytes <= PROJECTOR_BUFFER_BYTES_MAX) this.#ends.from.resume();
    this.#flow();
  }
}

/** Ends a socket as a crash of its owner would. */
export function reset(socket: Socket): void {
  // Node 20 never gets over a reset while its own end is on the way: the handle stays, and the process cannot exit.
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
