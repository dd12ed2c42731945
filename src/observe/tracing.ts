/**
 * Traces with the OpenTelemetry API.
 *
 * Without an SDK in the process, the API records nothing, and each chunk costs only a few calls without effect.
 *
 * The names follow the semantic conventions for messaging, Kafka and errors (opentelemetry.io/docs/specs/semconv, v1.38). The
 * conventions for messaging have the status "development" there and can change. So all names are in this file.
 */
import {context, SpanKind, SpanStatusCode, trace, type Attributes} from '@opentelemetry/api';
import type {TraceChunk, TracedChunk} from '../worker/chunkTrace.js';

const TRACER = 'order-projector';
const RETURNED = 'not applied by this worker: it reads the records again, or another worker has applied them';

export interface TracedWorker {
  readonly topic: string;
  readonly group: string;
  readonly version: string;
}

/** Creates one span for each chunk. The name of the span is `apply <topic>`. */
export function traceChunks(worker: TracedWorker): TraceChunk {
  const tracer = trace.getTracer(TRACER, worker.version);
  return (chunk) => {
    const span = tracer.startSpan(`apply ${worker.topic}`, {
      kind: SpanKind.CONSUMER,
      attributes: attributesOf(worker, chunk),
    });
    const inSpan = trace.setSpan(context.active(), span);
    return {
      within: (call) => context.with(inSpan, call),
      end: (how) => {
        span.setAttribute('order_projector.chunk.outcome', how);
        if (how === 'returned') {
          span.setAttribute('error.type', how);
          span.setStatus({code: SpanStatusCode.ERROR, message: RETURNED});
        }
        span.end();
      },
    };
  };
}

function attributesOf({topic, group}: TracedWorker, chunk: TracedChunk): Attributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'apply',
    'messaging.operation.type': 'process',
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': String(chunk.partition),
    'messaging.consumer.group.name': group,
    'messaging.batch.message_count': chunk.records,
    // This is the offset of the last record. An offset beyond 2^53 would be rounded, but no partition is that long.
    'messaging.kafka.offset': Number(chunk.lastOffset),
    'order_projector.chunk.orders': chunk.orders,
  };
}

/** Returns the ids that the logger adds to a line that it writes within a span. */
export function activeTrace(): {trace_id?: string; span_id?: string} {
  const active = trace.getActiveSpan()?.spanContext();
  return active === undefined ? {} : {trace_id: active.traceId, span_id: active.spanId};
}
