/** The seam to traces: told of each chunk, from when it is ready to be sent until it is known what became of it. */
export interface TracedChunk {
  readonly partition: number;
  readonly records: number;
  readonly orders: number;
  readonly lastOffset: bigint;
}

/** `returned`: not applied by this worker; its records are read again, or others have applied them. */
export type ChunkEnd = 'applied' | 'returned';

export interface ChunkTrace {
  /** Calls it; what it does belongs to the trace, and what it logs names it. */
  within<T>(call: () => T): T;
  end(how: ChunkEnd): void;
}

export type TraceChunk = (chunk: TracedChunk) => ChunkTrace;

const NO_TRACE: ChunkTrace = {within: (call) => call(), end: () => undefined};

export const untraced: TraceChunk = () => NO_TRACE;
