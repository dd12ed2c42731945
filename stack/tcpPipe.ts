/**
 * One direction of a proxied connection. It forwards bytes in order: at once, delayed, or when the mode allows it.
 * The end of the connection is an item of the same queue, so it never overtakes bytes.
 */
import type {Socket} from 'node:net';
import type {Random} from './random.js';

export interface Slowness {
  /** Delay of each direction. A request and its reply together are delayed twice as long. */
  readonly latencyMs?: number;
  /** The maximum of a random, evenly distributed extra delay. The order of bytes is kept. */
  readonly jitterMs?: number;
  /** The bandwidth of each direction of each connection. */
  readonly bytesPerSecond?: number;
}

/** All pipes of one direction share this object. Tests change it while the pipes run. */
export interface PipeMode {
  isHeld: boolean;
  isSliced: boolean;
  slowness: Slowness;
}

interface Item {
  readonly what: Buffer | 'end' | 'reset';
  dueMs: number;
}

/** Above this number of queued bytes the sender is not read, so that TCP slows it down as on a slow network. */
const QUEUED_BYTES_MAX = 1_048_576;
/** At a low bandwidth a large chunk is delivered in parts, not at once after its full delay. */
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
  /** The time at which the link has sent all earlier bytes, and the time at which the last item is due. */
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

  /** The sender has closed its end, or has reset the connection. */
  finish(how: 'end' | 'reset'): void {
    this.#enqueue(how);
    this.#flow();
  }

  /** Call it after a change of the mode: items that waited only because of an earlier delay are sent now. */
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
    // Jitter must not let a later byte overtake an earlier one.
    this.#lastDueMs = Math.max(this.#lastDueMs, arrivalMs);
    this.#queue.push({what, dueMs: this.#lastDueMs});
    this.#queuedBytes += length;
    if (this.#queuedBytes > QUEUED_BYTES_MAX) this.#ends.from.pause();
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
      // Each byte takes one turn of the event loop, so that the receiver may read it alone and other work is not blocked.
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
    if (this.#queuedBytes <= QUEUED_BYTES_MAX) this.#ends.from.resume();
    this.#flow();
  }
}

/** Resets a connection, as the crash of a process would. */
export function reset(socket: Socket): void {
  // If Node 20 resets a socket whose own FIN is in flight, the handle stays open and the process cannot exit.
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
