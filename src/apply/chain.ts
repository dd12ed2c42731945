/**
 * The scripts of one partition, at most two in flight, each expecting the position that the one before it writes.
 *
 * I4: a refusal, an error or a timeout means *unknown*. The chain is then broken: it sends nothing more, and its owner
 * lets it settle, reads the stored position and goes on from there. It never sends a script again, and never takes a
 * rejected promise for "not applied".
 */
import {assert} from '../runtime/assert.js';
import type {Reduction} from '../domain/patch.js';
import type {ApplyOutcome, ApplyRequest} from './script.js';

/** The door to Redis, as the chain needs it. */
export interface PatchSink {
  apply(request: ApplyRequest): Promise<ApplyOutcome>;
}

/** Once sent, a chunk ends in exactly one of `onApplied` and `onReturned`, at the latest when the chain is reconciled. */
export interface Chunk {
  readonly reduction: Reduction;
  /** The position text after this chunk. */
  readonly next: string;
  readonly quarantine: ReadonlyMap<string, string>;
  /** Calls it as a part of the chunk's trace. */
  readonly within: <T>(call: () => T) => T;
  /** The chunk is known to be applied. */
  readonly onApplied: () => void;
  /** The chunk was not applied by us; its records will be read again, or others have applied them. */
  readonly onReturned: () => void;
  /** Its script was answered or given up, or was never sent. */
  readonly onDone: () => void;
}

export type Break =
  | {readonly kind: 'refused'; readonly stored: string}
  | {readonly kind: 'spoiled'; readonly orderId: string; readonly what: string; readonly chunkEnd: string}
  | {readonly kind: 'closed'}
  | {readonly kind: 'failed'; readonly error: unknown};

const IN_FLIGHT_MAX = 2;

export class ApplyChain {
  readonly #sink: PatchSink;
  readonly #onBroken: () => void;
  #tail: string;
  #inFlight = new Set<Promise<void>>();
  /** Chunks that were sent and not answered, oldest first. */
  #unsettled: Chunk[] = [];
  #broken: Break | undefined;

  /** `stored` is the position text that Redis holds now. `onBroken` is called once, when the chain stops sending. */
  constructor(sink: PatchSink, stored: string, onBroken: () => void) {
    this.#sink = sink;
    this.#tail = stored;
    this.#onBroken = onBroken;
  }

  /** Why the chain no longer sends; undefined while it does. */
  get broken(): Break | undefined {
    return this.#broken;
  }

  /** The position that Redis holds once everything in flight is applied. */
  get tail(): string {
    return this.#tail;
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0;
  }

  /** Resolves when fewer than two are in flight. */
  async room(): Promise<void> {
    while (this.#inFlight.size >= IN_FLIGHT_MAX) await Promise.race(this.#inFlight);
  }

  /** Sends one chunk as soon as fewer than two are in flight; returns it when the chain broke before. */
  async send(chunk: Chunk): Promise<void> {
    await this.room();
    if (this.#broken !== undefined) {
      chunk.onReturned();
      chunk.onDone();
      return;
    }
    assert(chunk.next !== this.#tail, 'a chunk moves the position');

    const {next, reduction, quarantine} = chunk;
    const request = {expected: this.#tail, next, reduction, quarantine};
    this.#tail = chunk.next;
    this.#unsettled.push(chunk);
    const flight: Promise<void> = this.#fly(request, chunk).finally(() => this.#inFlight.delete(flight));
    this.#inFlight.add(flight);
  }

  /** Waits until nothing is in flight. */
  async settle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  /** Sends nothing from now on. */
  close(): void {
    this.#break({kind: 'closed'});
  }

  /**
   * Tells a settled chain what Redis holds. Chunks up to that position were applied although their reply was lost; the
   * rest will be read again from the log.
   */
  reconcile(stored: string): void {
    const index = this.#unsettled.findIndex((chunk) => chunk.next === stored);
    this.#unsettled.forEach((chunk, place) => {
      if (place <= index) chunk.onApplied();
      else chunk.onReturned();
    });
    this.#unsettled = [];
  }

  async #fly(request: ApplyRequest, chunk: Chunk): Promise<void> {
    try {
      const outcome = await chunk.within(async () => await this.#sink.apply(request));
      // Answered, so no longer unknown. A chunk that follows a refused one may still be applied: when another worker has
      // applied the very same chunk before. Then this one counts, and the refused one does not.
      this.#unsettled = this.#unsettled.filter((other) => other !== chunk);
      if (outcome.kind === 'applied') {
        chunk.onApplied();
        return;
      }
      chunk.onReturned();
      this.#break(outcome.kind === 'spoiled' ? {...outcome, chunkEnd: chunk.next} : outcome);
    } catch (error) {
      this.#break({kind: 'failed', error});
    } finally {
      chunk.onDone();
    }
  }

  #break(reason: Break): void {
    if (this.#broken !== undefined) return;
    this.#broken = reason;
    this.#onBroken();
  }
}
