/**
 * Traces by the OpenTelemetry API. Without an SDK in the process nothing is recorded, and a chunk costs a few calls that do nothing.
 *
 * Names by the semantic conventions for messaging, Kafka and errors (opentelemetry.io/docs/specs/semconv, v1.38; messaging is in
 * development there): all of them stand in this file.
 */
import {context, SpanKind, SpanStatusCode, trace, type Attributes} from '@opentelemetry/api';
import type {TraceChunk, TracedChunk} from '../worker/chunkTrace.js';

const TRACER = 'order-projector';
const RETURNED = 'not applied by this worker: its records are read again, or another one has applied them';

export interface TracedWorker {
  readonly topic: string;
  readonly group: string;
  readonly version: string;
}

/** One span for each chunk: `apply <topic>`. */
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
    // Of the last record; a number beyond 2^53 would be rounded, and no partition is that long.
    'messaging.kafka.offset': Number(chunk.lastOffset),
    'order_projector.chunk.orders': chunk.orders,
  };
}

/** For a line of the log that is written within a span. */
export function activeTrace(): {trace_id?: string; span_id?: string} {
  const active = trace.getActiveSpan()?.spanContext();
  return active === undefined ? {} : {trace_id: active.traceId, span_id: active.spanId};
}
