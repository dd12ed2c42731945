import {ProjectorError} from '../../src/runtime/errors.js';
import type {ListedConnector} from '../../src/clients/connect.js';
import {watchConnector} from '../../src/observe/connectorWatch.js';
import type {ConnectorView} from '../../src/worker/workerView.js';

const TOPIC = 'shop.order-events';

/** `states` contains the state of the connector, then the states of its tasks. */
function connector(name: string, topic: string, states: readonly string[]): ListedConnector {
  const [state = '', ...tasks] = states;
  return {
    name,
    config: {'transforms.route.replacement': topic},
    status: {state, trace: undefined, tasks: tasks.map((task, id) => ({id, state: task, trace: undefined}))},
  };
}

/** Polls once for each answer. Returns the reported views of the connector and the log lines. */
async function watched(
  ...answers: (ListedConnector[] | Error)[]
): Promise<{views: ConnectorView[]; lines: string[]}> {
  const [views, lines]: [ConnectorView[], string[]] = [[], []];
  const end = new AbortController();
  let looks = 0;
  const line = (fields: object, message: string): void =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  await watchConnector(
    {
      topic: TOPIC,
      connect: {
        list: async () => {
          const answer = answers[looks++] ?? [];
          await Promise.resolve();
          if (answer instanceof Error) throw answer;
          return answer;
        },
      },
      clock: {
        nowMs: () => 0,
        sleep: async () => {
          await Promise.resolve();
          if (looks === answers.length) end.abort();
        },
      },
      log: {warn: line, info: line},
      notify: (view) => views.push(view),
    },
    end.signal,
  );
  return {views, lines};
}

const RUNNING = connector('shop', TOPIC, ['RUNNING', 'RUNNING']);

test('only the connector that writes to the topic is reported, and its state RUNNING is not logged', async () => {
  const other = connector('other', 'other.events', ['FAILED']);
  const {views, lines} = await watched([other, RUNNING]);
  expect(views).toEqual([{name: 'shop', state: 'RUNNING'}]);
  expect(lines).toEqual([]);
});

test.each([
  [connector('shop', TOPIC, ['RUNNING', 'RUNNING', 'FAILED']), 'FAILED'],
  [connector('shop', TOPIC, ['RUNNING']), 'UNASSIGNED'],
  [connector('shop', TOPIC, ['PAUSED', 'RUNNING']), 'PAUSED'],
])('a connector or task that does not run determines the state: %j', async (listed, state) => {
  expect((await watched([listed])).views).toEqual([{name: 'shop', state}]);
});

test('each change of the state is logged as one line, with its reason if there is one (F80)', async () => {
  const away = new ProjectorError('connect-unreachable', 'Kafka Connect does not answer');
  const {views, lines} = await watched([RUNNING], away, away, [RUNNING], []);
  expect(views.map(({name, state}) => `${name} ${state}`)).toEqual([
    ...['shop RUNNING', 'shop UNREACHABLE', 'shop UNREACHABLE', 'shop RUNNING', 'shop MISSING'],
  ]);
  expect(lines).toEqual([
    'connector is UNREACHABLE {"connector":"shop","reason":"connect-unreachable: Kafka Connect does not answer"}',
    'connector is RUNNING {"connector":"shop"}',
    'connector is MISSING {"connector":"shop","reason":"no connector writes to topic shop.order-events"}',
  ]);
});
