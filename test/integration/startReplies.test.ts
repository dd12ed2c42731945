/** A worker that starts asks Kafka and Redis several questions; the answer to any of them may not come. */
import {openStack} from '../../stack/stack.js';
import {TcpProxy} from '../../stack/tcpProxy.js';
import {createTopic} from '../support/kafka.js';
import {startWorker} from '../support/pipeline.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';

/** More than one: the client asks a second time by itself. */
const LOST = 4;

/** Native stacks only: elsewhere there is no way to Kafka but the straight one. */
const detour = openStack(testStack().name).kafkaDetour;
if (detour === undefined) {
  process.stderr.write(
    'skipped: lost replies at the start. Only a native stack has a second way to the broker.\n',
  );
}
const where = detour === undefined ? describe.skip : describe;

where('a worker that starts', () => {
  test('waits for Kafka, whichever of its answers are lost', async () => {
    const {listen, target} = detour!;
    const name = `start-replies-${Date.now().toString(36)}`;
    await createTopic(name);
    const proxy = await TcpProxy.open({host: '127.0.0.1', port: target}, {port: listen});
    try {
      let lostBefore = -1;
      // Until so many answers come first that the worker has started before the first one is lost.
      for (let first = 1; lostBefore !== proxy.lost; first++) {
        lostBefore = proxy.lost;
        let answers = 0;
        proxy.loseReplies(() => ++answers >= first && answers < first + LOST);
        const worker = startWorker(name, {KAFKA_TOPIC: name, KAFKA_BROKERS: `127.0.0.1:${listen}`});
        const hasStarted = (): boolean => worker.log.some(({msg}) => msg === 'worker starts');
        await until(
          () => hasStarted() || !worker.isRunning,
          () => `a start: ${worker.output}`,
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
