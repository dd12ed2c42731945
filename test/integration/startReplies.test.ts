/** A worker that starts sends several requests to Kafka. Any of the replies may be lost. */
import {openStack} from '../../stack/stack.js';
import {TcpProxy} from '../../stack/tcpProxy.js';
import {createTopic} from '../support/kafka.js';
import {startWorker} from '../support/pipeline.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';

/** The number of lost replies in a row. It is more than one, because the client retries a request. */
const LOST = 4;

/** Only a native stack has this second listener of the broker. */
const detour = openStack(testStack().name).kafkaDetour;
if (detour === undefined) {
  process.stderr.write(
    'skipped: lost replies when a worker starts. Only a native stack has a second listener of the broker.\n',
  );
}
const where = detour === undefined ? describe.skip : describe;

where('a worker that starts', () => {
  test('waits for Kafka, whichever of its replies are lost', async () => {
    const {listen, target} = detour!;
    const name = `start-replies-${Date.now().toString(36)}`;
    await createTopic(name);
    const proxy = await TcpProxy.open({host: '127.0.0.1', port: target}, {port: listen});
    try {
      let lostBefore = -1;
      // The loop ends after a round without a lost reply: the worker then needs fewer replies than `first`.
      for (let first = 1; lostBefore !== proxy.lost; first++) {
        lostBefore = proxy.lost;
        let answers = 0;
        proxy.loseReplies(() => ++answers >= first && answers < first + LOST);
        const worker = startWorker(name, {KAFKA_TOPIC: name, KAFKA_BROKERS: `127.0.0.1:${listen}`});
        const hasStarted = (): boolean => worker.log.some(({msg}) => msg === 'worker starts');
        await until(
          () => hasStarted() || !worker.isRunning,
          () => `the worker to start. Its output: ${worker.output}`,
        );
        expect({first, output: hasStarted() ? '' : worker.output}).toEqual({first, output: ''});
        await worker.end('SIGKILL');
      }
      expect(proxy.lost).toBeGreaterThan(0);
    } finally {
      await proxy.close();
    }
  });
});
