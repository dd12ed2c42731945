/**
 * The scripts of one partition: at most two in flight (L1), each with the position that the previous one writes.
 *
 * I4: a rejected write, an error or a timeout means *unknown*. The chain is then broken and sends nothing more. Its owner waits
 * until the chain has settled, reads the stored position and resumes there. The chain never sends a script again. A promise that
 * rejects does not mean that the chunk was not applied.
 */
import {assert} from '../runtime/assert.js';
import type {Reduction} from '../domain/patch.js';
import type {AuditRequest} from '../redis-model/audit.js';
import type {ApplyOutcome, ApplyRequest} from './script.js';

/** The part of the read model that the chain needs. */
export interface PatchSink {
  apply(request: ApplyRequest): Promise<ApplyOutcome>;
}

/** After `send`, the chain calls exactly one of `onApplied` and `onReturned`, at the latest in `reconcile`. */
export interface Chunk {
  readonly reduction: Reduction;
  /** The position text after this chunk. */
  readonly next: string;
  readonly quarantine: ReadonlyMap<string, string>;
  readonly audit: AuditRequest | undefined;
  /** Runs the call as a part of the chunk's trace. */
  readonly within: <T>(call: () => T) => T;
  /** The worker knows that the chunk was applied. */
  readonly onApplied: () => void;
  /** This script did not apply the chunk. The worker reads its records again, or another worker has applied them. */
  readonly onReturned: () => void;
  /** Redis has replied to the script, the call has failed, or the script was never sent. */
  readonly onDone: () => void;
}

export type Break =
  | {readonly kind: 'rejected'; readonly stored: string}
  | {readonly kind: 'corrupt'; readonly orderId: string; readonly what: string; readonly chunkEnd: string}
  | {readonly kind: 'closed'}
  | {readonly kind: 'failed'; readonly error: unknown};

const IN_FLIGHT_MAX = 2;

export class ApplyChain {
  readonly #sink: PatchSink;
  readonly #onBroken: () => void;
  #tail: string;
  #inFlight = new Set<Promise<void>>();
  /** Chunks that were sent and have no reply, oldest first. */
  #unsettled: Chunk[] = [];
  #broken: Break | undefined;

  /** `stored` is the position text that Redis holds. The chain calls `onBroken` once, when it stops sending. */
  constructor(sink: PatchSink, stored: string, onBroken: () => void) {
    this.#sink = sink;
    this.#tail = stored;
    this.#onBroken = onBroken;
  }

  /** Why the chain has stopped sending; undefined while it sends. */
  get broken(): Break | undefined {
    return this.#broken;
  }

  /** The position that Redis holds once every script in flight is applied. */
  get tail(): string {
    return this.#tail;
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0;
  }

  /** Resolves when fewer than two scripts are in flight. */
  async room(): Promise<void> {
    while (this.#inFlight.size >= IN_FLIGHT_MAX) await Promise.race(this.#inFlight);
  }

  /** Sends one chunk as soon as fewer than two scripts are in flight. If the chain is broken by then, it returns the chunk. */
  async send(chunk: Chunk): Promise<void> {
    await this.room();
    if (this.#broken !== undefined) {
      chunk.onReturned();
      chunk.onDone();
      return;
    }
    assert(chunk.next !== this.#tail, 'a chunk moves the position');

    const {next, reduction, quarantine, audit} = chunk;
    const request = {expected: this.#tail, next, reduction, quarantine, audit};
    this.#tail = chunk.next;
    this.#unsettled.push(chunk);
    const flight: Promise<void> = this.#fly(request, chunk).finally(() => this.#inFlight.delete(flight));
    this.#inFlight.add(flight);
  }

  /** Waits until no script is in flight. */
  async settle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  /** Breaks the chain, so that it sends nothing more. */
  close(): void {
    this.#break({kind: 'closed'});
  }

  /**
   * Ends a settled chain with the position that Redis holds. The chunks up to that position were applied, although their replies
   * were lost. The worker reads the records of the other chunks again from the topic.
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
      // A reply makes the result of this chunk known. A script can be applied although the script before it was rejected:
      // 1. This worker sends chunks A and B. Another worker has already applied the very same chunk A.
      // 2. Redis rejects A, because the position has moved. It holds the position after A, which B expects.
      // 3. Redis applies B. So this worker counts B as applied, and returns A.
      this.#unsettled = this.#unsettled.filter((other) => other !== chunk);
      if (outcome.kind === 'applied') {
        chunk.onApplied();
        return;
      }
      chunk.onReturned();
      this.#break(outcome.kind === 'corrupt' ? {...outcome, chunkEnd: chunk.next} : outcome);
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
