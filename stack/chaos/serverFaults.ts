/** Faults of the server processes, of the connector, and bad records. */
import type {ServerName} from '../stack.js';
import {seconds, type Fault} from './fault.js';

interface Range {
  readonly weight: number;
  readonly lastsMs: readonly [min: number, max: number];
}

/** Kills or stops a server, and starts it again some time later. */
function restart(server: ServerName, how: 'killed' | 'stopped', {weight, lastsMs}: Range): Fault {
  return {
    name: `${server} ${how}`,
    family: how === 'killed' ? 'kills' : 'stops',
    weight,
    draw: ({random, stack, wait}) => {
      const downMs = random.int(...lastsMs);
      return {
        what: `${server} is ${how} and restarted ${seconds(downMs)} later`,
        needs: [server],
        run: async () => {
          if (how === 'killed') await stack.killServer(server);
          else await stack.stopServer(server);
          await wait(downMs);
          await stack.startServer(server);
        },
      };
    },
  };
}

function pause(server: ServerName, {weight, lastsMs}: Range): Fault {
  return {
    name: `${server} SIGSTOP`,
    family: 'pauses',
    weight,
    draw: ({random, stack, wait}) => {
      const pauseMs = random.int(...lastsMs);
      return {
        what: `SIGSTOP of ${server} for ${seconds(pauseMs)}`,
        needs: [server],
        run: async () => {
          await stack.pauseServer(server);
          await wait(pauseMs);
          await stack.resumeServer(server);
        },
      };
    },
  };
}

const CONNECTOR_RESTART: Fault = {
  name: 'connector restarted',
  family: 'stops',
  weight: 1,
  draw: ({connector}) => ({
    what: 'the connector is restarted through the REST interface',
    needs: ['connect'],
    run: async () => await connector.restart(),
  }),
};

const BAD_RECORDS: Fault = {
  name: 'bad records',
  family: 'bad records',
  weight: 2,
  draw: ({random, badRecords}) => {
    const batch = badRecords.draw(random);
    return {
      what: `${batch.values.length} bad records are written to partition ${batch.partition}`,
      needs: ['kafka', 'bad records'],
      run: async () => {
        await badRecords.send(batch);
      },
    };
  },
};

export const KAFKA_KILL = restart('kafka', 'killed', {weight: 3, lastsMs: [0, 6_000]});

/** In a run on a cluster, the stack's own Redis does not hold the read model. */
export const REDIS_SERVER_FAULTS: readonly Fault[] = [
  restart('redis', 'killed', {weight: 4, lastsMs: [0, 4_000]}),
  restart('redis', 'stopped', {weight: 2, lastsMs: [0, 2_000]}),
  pause('redis', {weight: 3, lastsMs: [200, 9_000]}),
];

export const SERVER_FAULTS: readonly Fault[] = [
  ...REDIS_SERVER_FAULTS,
  KAFKA_KILL,
  // The weight is low, because Kafka takes up to 30 s to stop.
  restart('kafka', 'stopped', {weight: 1, lastsMs: [0, 3_000]}),
  pause('kafka', {weight: 3, lastsMs: [500, 12_000]}),
  // The weight is low, because the start of a JVM occupies both cores.
  restart('connect', 'killed', {weight: 2, lastsMs: [0, 3_000]}),
  pause('connect', {weight: 1, lastsMs: [500, 12_000]}),
  pause('mysql', {weight: 1, lastsMs: [500, 5_000]}),
  CONNECTOR_RESTART,
  BAD_RECORDS,
];
