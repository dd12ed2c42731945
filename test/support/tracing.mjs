/** A tracing SDK for a worker under test. It writes each span as one JSON line to the file in TEST_SPANS. */
import {appendFileSync} from 'node:fs';
import {NodeTracerProvider, SimpleSpanProcessor} from '@opentelemetry/sdk-trace-node';

const exporter = {
  export(spans, done) {
    for (const span of spans) {
      const {name, attributes, startTime, endTime} = span;
      const {traceId, spanId} = span.spanContext();
      const line = {name, attributes, startTime, endTime, traceId, spanId};
      appendFileSync(process.env.TEST_SPANS, `${JSON.stringify(line)}\n`);
    }
    done({code: 0});
  },
  shutdown: () => Promise.resolve(),
};

new NodeTracerProvider({spanProcessors: [new SimpleSpanProcessor(exporter)]}).register();
