import {trace} from '@opentelemetry/api';
import {InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor} from '@opentelemetry/sdk-trace-node';
import {activeTrace, traceChunks} from '../../src/observe/tracing.js';

const WORKER = {topic: 'shop.order-events', group: 'order-projector', version: '1.2.3'};
const CHUNK = {partition: 3, records: 7, orders: 2, lastOffset: 41n};

describe('without an SDK', () => {
  test('no span is recorded, and log lines contain no trace id', () => {
    const chunk = traceChunks(WORKER)(CHUNK);
    expect(chunk.within(() => trace.getActiveSpan()?.isRecording() ?? false)).toBe(false);
    expect(chunk.within(activeTrace)).toEqual({});
    chunk.end('applied');
  });
});

describe('with an SDK', () => {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({spanProcessors: [new SimpleSpanProcessor(exporter)]});
  beforeAll(() => provider.register());
  beforeEach(() => exporter.reset());
  afterAll(async () => {
    await provider.shutdown();
    trace.disable();
  });

  test('each chunk has one span with the attributes of the messaging conventions', () => {
    traceChunks(WORKER)(CHUNK).end('applied');
    const [span, ...others] = exporter.getFinishedSpans();
    expect(others).toEqual([]);
    expect(span?.name).toBe('apply shop.order-events');
    expect(span?.instrumentationScope).toMatchObject({name: 'order-projector', version: '1.2.3'});
    expect(span?.attributes).toEqual({
      'messaging.system': 'kafka',
      'messaging.operation.name': 'apply',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'shop.order-events',
      'messaging.destination.partition.id': '3',
      'messaging.consumer.group.name': 'order-projector',
      'messaging.batch.message_count': 7,
      'messaging.kafka.offset': 41,
      'order_projector.chunk.orders': 2,
      'order_projector.chunk.outcome': 'applied',
    });
    expect(span?.status.code).toBe(0);
  });

  test('the span of a chunk that was not applied has the status error', () => {
    traceChunks(WORKER)(CHUNK).end('returned');
    const [span] = exporter.getFinishedSpans();
    expect(span?.status.code).toBe(2);
    expect(span?.attributes).toMatchObject({
      'order_projector.chunk.outcome': 'returned',
      'error.type': 'returned',
    });
  });

  test('a log line within a chunk contains the trace id, also after an await; a log line outside does not', async () => {
    const chunk = traceChunks(WORKER)(CHUNK);
    const named = await chunk.within(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return activeTrace();
    });
    chunk.end('applied');
    const {traceId, spanId} = exporter.getFinishedSpans()[0]!.spanContext();
    expect(named).toEqual({trace_id: traceId, span_id: spanId});
    expect(activeTrace()).toEqual({});
  });
});
