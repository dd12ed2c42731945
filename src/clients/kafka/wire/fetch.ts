/**
 * Lets fetchAnswer.ts read the fetch responses of a kafkajs client. kafkajs still sends the fetch requests.
 *
 * kafkajs 2.2.4 has no API for this. So this file wraps the function that creates the cluster of a client, under a private symbol of
 * kafkajs. The version is pinned. If the internals differ, or if a broker uses an older version of the protocol, kafkajs reads the
 * response itself. Then batch.ts uses the messages of kafkajs.
 */
import type {Kafka} from 'kafkajs';
import {clusterSymbol} from '../cluster.js';
import {readAnswer, type FetchRequest, type OnFault} from './fetchAnswer.js';

interface Call {
  readonly request: {readonly apiKey: number; readonly apiVersion: number};
  readonly response: {readonly decode: (answer: Buffer) => Promise<unknown>};
}

type MakeCall = (args: FetchRequest) => Call;
type Lookup = (apiKey: number, definition: unknown) => MakeCall;

interface Broker {
  lookupRequest: Lookup;
}

interface Cluster {
  findBroker: (which: object) => Promise<Broker>;
}

const FETCH_API = 1;
/** The newest version that kafkajs supports. Brokers support it since Kafka 2.3. */
const FETCH_VERSION = 11;

/** Takes over the fetch responses of every consumer that this client creates after the call. */
export function readFetches(kafka: Kafka, onFault: OnFault): void {
  const symbol = clusterSymbol(kafka);
  if (symbol === undefined) return;
  const inner = kafka as unknown as Record<symbol, (options: object) => Cluster>;
  const make = inner[symbol];
  if (make === undefined) return;
  const ours = new WeakSet<Lookup>();
  inner[symbol] = (options) => {
    const cluster = make(options);
    const find = cluster.findBroker.bind(cluster);
    cluster.findBroker = async (which) => {
      const broker = await find(which);
      // Each new connection to a broker replaces its `lookupRequest`, so it is wrapped again.
      if (!ours.has(broker.lookupRequest)) {
        broker.lookupRequest = withOwnFetch(broker.lookupRequest, onFault);
        ours.add(broker.lookupRequest);
      }
      return broker;
    };
    return cluster;
  };
}

function withOwnFetch(lookup: Lookup, onFault: OnFault): Lookup {
  return (apiKey, definition) => {
    const make = lookup(apiKey, definition);
    if (apiKey !== FETCH_API) return make;
    return (args) => {
      const call = make(args);
      if (call.request.apiVersion !== FETCH_VERSION) return call;
      const {response} = call;
      const decode = async (answer: Buffer): Promise<unknown> =>
        (await readAnswer(answer, args, onFault)) ?? (await response.decode(answer));
      return {...call, response: {...response, decode}};
    };
  };
}
