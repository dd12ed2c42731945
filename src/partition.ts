/**
 * One assigned partition: its records go through decode, reduce and apply, from the stored position on.
 *
 *   anchor --> stream --> anchor ...      until the assignment ends or the worker stops
 *
 * Anchor reads the stored position and the range of the log, and decides where to start. Stream applies chunks until
 * something unexpected happens: a refusal, an error, a lost reply, an offset that nobody asked for, a position that was
 * moved by someone else. There is one answer to all of them: let what is in flight settle, and anchor again (I4).
 */
import {ApplyChain} from './apply/chain.js';
import type {ReadModel} from './apply/readModel.js';
import {decideStart, requireSameLog, type Start} from './consume/start.js';
import {RecordQueue} from './consume/recordQueue.js';
import type {Decoded} from './change.js';
import {ERROR_POLICY} from './errorPolicy.js';
import {asProjectorError, ProjectorError} from './errors.js';
import type {EventLog, LogBatch, LogRecord} from './eventLog.js';
import {Backoff, Signal, type Clock} from './lifecycle.js';
import {formatPosition, parsePosition, positionAfter} from './position.js';
import {Reducer} from './reduce/reduce.js';
import {addTally, emptyTally, type Tally} from './tally.js';

export interface PartitionSettings {
  readonly topic: string;
  /** A chunk ends at this many orders: it bounds how long one script blocks Redis. */
  readonly chunkOrdersMax: number;
  /** A chunk ends at this many records, whatever they touch: it bounds the time between two yields. */
  readonly chunkRecordsMax: number;
  readonly queueBytesMax: number;
}

export interface PartitionDeps {
  readonly log: EventLog;
  readonly model: ReadModel;
  readonly decode: (record: LogRecord) => Decoded;
  readonly clock: Clock;
  readonly tally: Tally;
  /** Told on every try: whether Redis and Kafka answer, and why not. */
  readonly dependency: (error: ProjectorError | null) => void;
  readonly rewound: (partition: number, reason: string) => void;
}

/** How often a full queue lets its batch keep the membership alive. */
const KEEP_ALIVE_MS = 1_000;

export class Partition {
  readonly number: number;
  readonly #settings: PartitionSettings;
  readonly #deps: PartitionDeps;
  readonly #queue: RecordQueue;
  readonly #signal = new Signal();
  readonly #room = new Signal();
  #chain: ApplyChain | undefined;
  /** The offset that the next batch must have asked for; undefined while anchoring. */
  #expectedFetch: bigint | undefined;
  #expectFirst: Start['expectFirst'] = null;
  #reanchorReason: string | undefined;
  readonly #end = new AbortController();
  #appliedNext: bigint | undefined;
  /** The last apply failed, and none has succeeded since. */
  #writesFail = false;
  readonly #backoff = new Backoff(50, 1_000);

  constructor(number: number, settings: PartitionSettings, deps: PartitionDeps) {
    this.number = number;
    this.#settings = settings;
    this.#deps = deps;
    this.#queue = new RecordQueue(settings.queueBytesMax);
  }

  /** The next offset as far as this worker has seen it applied; undefined before the first anchor. */
  get appliedNext(): bigint | undefined {
    return this.#appliedNext;
  }

  /** The position text that Redis must hold now; undefined while that is in motion. */
  get restingPosition(): string | undefined {
    if (this.#chain === undefined || !this.#chain.isIdle || this.#chain.broken !== undefined)
      return undefined;
    return this.#chain.tail;
  }

  /** Runs until `end`. Rejects with a halting ProjectorError. */
  async run(): Promise<void> {
    while (!this.#hasEnded()) {
      const stored = await this.#anchor();
      if (stored === undefined) break;
      await this.#stream(stored);
      // A server that can be read but not written (a replica, out of memory) must not be asked in a tight loop (L3).
      if (this.#writesFail) await this.#deps.clock.sleep(this.#backoff.nextMs(), this.#end.signal);
    }
  }

  /** Takes what was fetched; resolves when there is room for more. */
  async deliver(batch: LogBatch, keepAlive: () => Promise<void>): Promise<void> {
    if (this.#hasEnded() || this.#expectedFetch === undefined) return;
    if (batch.fetchOffset !== this.#expectedFetch) {
      this.reanchor(`the log was read at offset ${batch.fetchOffset} instead of ${this.#expectedFetch}`);
      return;
    }
    this.#expectedFetch = batch.nextOffset;
    this.#queue.push(batch.records);
    this.#signal.wake();
    while (this.#queue.isFull && !this.#hasEnded() && this.#reanchorReason === undefined) {
      const pause = new AbortController();
      await Promise.race([this.#room.wait(), this.#deps.clock.sleep(KEEP_ALIVE_MS, pause.signal)]);
      pause.abort();
      await keepAlive();
    }
  }

  /** Drops what is not in flight, reads the stored position again, goes on there. */
  reanchor(reason: string): void {
    this.#reanchorReason ??= reason;
    this.#expectedFetch = undefined;
    this.#wakeAll();
  }

  /** Ends the partition: what is in flight is finished, nothing more is sent. `run` then resolves. */
  end(): void {
    this.#end.abort();
    this.#expectedFetch = undefined;
    this.#chain?.close();
    this.#wakeAll();
  }

  #hasEnded(): boolean {
    return this.#end.signal.aborted;
  }

  get #where(): string {
    return `${this.#settings.topic}[${this.number}]`;
  }

  /** Resolves with the stored position text once the log is told where to start; undefined when the partition ended. */
  async #anchor(): Promise<string | undefined> {
    const {log, model, clock, dependency} = this.#deps;
    this.#expectedFetch = undefined;
    this.#reanchorReason = undefined;
    this.#queue.clear();
    this.#room.wake();
    if (!this.#hasEnded()) log.hold(this.number);
    while (!this.#hasEnded()) {
      try {
        const [text = ''] = await model.readPositions([this.number]);
        this.#chain?.reconcile(text);
        this.#chain = undefined;
        const range = (await log.ranges()).get(this.number);
        if (this.#hasEnded()) break;
        const stored = {text, key: model.positionKey(this.number)};
        const start = decideStart(stored, range, this.#where);
        this.#appliedNext = parsePosition(text)?.nextOffset ?? 0n;
        this.#expectFirst = start.expectFirst;
        this.#expectedFetch = start.fromOffset;
        log.readFrom(this.number, start.fromOffset);
        if (!this.#writesFail) this.#wellAgain();
        return text;
      } catch (error) {
        const failure = asProjectorError(error);
        if (ERROR_POLICY[failure.kind].next === 'halt') throw failure;
        dependency(failure);
        await clock.sleep(this.#backoff.nextMs(), this.#end.signal);
      }
    }
    return undefined;
  }

  async #stream(stored: string): Promise<void> {
    const {model} = this.#deps;
    const sink = {apply: (request: Parameters<ReadModel['apply']>[1]) => model.apply(this.number, request)};
    const chain = new ApplyChain(sink, stored, () => this.#wakeAll());
    this.#chain = chain;
    try {
      while (!this.#hasEnded() && this.#reanchorReason === undefined && chain.broken === undefined) {
        if (this.#queue.isEmpty) await this.#signal.wait();
        else await this.#applyChunk(chain);
      }
    } finally {
      await chain.settle();
    }
    this.#afterBreak(chain);
  }

  /** Halts on what cannot pass, and tells why the partition anchors again. */
  #afterBreak(chain: ApplyChain): void {
    const broken = chain.broken;
    if (broken?.kind === 'failed') {
      const failure = asProjectorError(broken.error);
      if (ERROR_POLICY[failure.kind].next === 'halt') throw failure;
      this.#writesFail = true;
      this.#deps.dependency(failure);
    }
    if (this.#hasEnded()) return;
    this.#deps.tally.rewinds++;
    if (broken?.kind === 'failed') return;
    const reason = this.#reanchorReason ?? 'Redis holds another position';
    this.#deps.rewound(this.number, reason);
  }

  /** Decodes and reduces what the queue holds, up to a chunk, and sends it. */
  async #applyChunk(chain: ApplyChain): Promise<void> {
    const {chunkOrdersMax, chunkRecordsMax} = this.#settings;
    const reducer = new Reducer();
    const counted = emptyTally();
    let last: LogRecord | undefined;
    let rejection: ProjectorError | undefined;
    for (let taken = 0; taken < chunkRecordsMax && reducer.orderCount < chunkOrdersMax; taken++) {
      const record = this.#queue.shift();
      if (record === undefined) break;
      if (this.#expectFirst !== null) {
        requireSameLog(this.#expectFirst, record, this.#where);
        this.#expectFirst = null;
        continue;
      }
      const decoded = this.#deps.decode(record);
      if (decoded.kind === 'rejected') {
        const {kind, reason} = decoded.rejection;
        rejection = new ProjectorError(kind, `${this.#where} offset ${record.offset}: ${reason}`);
        break;
      }
      this.#count(decoded, counted);
      if (decoded.kind === 'change') reducer.add(decoded.change);
      last = record;
    }
    if (!this.#queue.isFull) this.#room.wake();
    if (last !== undefined) await this.#sendChunk(chain, {last, reducer, counted});
    if (rejection === undefined) return;
    // What stands before the bad record is applied first; the position then points at it.
    await chain.settle();
    if (chain.broken !== undefined || this.#hasEnded()) return;
    this.#deps.tally.rejected++;
    throw rejection;
  }

  async #sendChunk(
    chain: ApplyChain,
    {last, reducer, counted}: {last: LogRecord; reducer: Reducer; counted: Tally},
  ): Promise<void> {
    const position = positionAfter(last);
    await chain.send({
      reduction: reducer.reduction(),
      next: formatPosition(position),
      onApplied: () => {
        this.#appliedNext = position.nextOffset;
        addTally(this.#deps.tally, counted);
        this.#wellAgain();
      },
    });
  }

  #count(decoded: Decoded, counted: Tally): void {
    if (decoded.kind === 'change') counted.applied++;
    else counted.ignored++;
    if ((decoded.kind === 'change' || decoded.kind === 'heartbeat') && decoded.sourceTimeMs !== null) {
      counted.newestSourceMs = Math.max(counted.newestSourceMs ?? 0, decoded.sourceTimeMs);
    }
  }

  #wellAgain(): void {
    this.#writesFail = false;
    this.#backoff.reset();
    this.#deps.dependency(null);
  }

  #wakeAll(): void {
    this.#signal.wake();
    this.#room.wake();
  }
}
