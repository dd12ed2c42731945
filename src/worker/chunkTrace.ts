/** The interface to traces: reports each chunk from the moment it is ready to be sent until its result is known. */
export interface TracedChunk {
  readonly partition: number;
  readonly records: number;
  readonly orders: number;
  readonly lastOffset: bigint;
}

/** `returned`: this worker did not apply it. Its records are read again, or another worker has applied them. */
export type ChunkEnd = 'applied' | 'returned';

export interface ChunkTrace {
  /** Runs the call as a part of the trace, so that the log lines of the call contain the ids of the trace. */
  within<T>(call: () => T): T;
  end(how: ChunkEnd): void;
}

export type TraceChunk = (chunk: TracedChunk) => ChunkTrace;

const NO_TRACE: ChunkTrace = {within: (call) => call(), end: () => undefined};

export const untraced: TraceChunk = () => NO_TRACE;
