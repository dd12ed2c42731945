/**
 * Fetches of a client of kafkajs, read without it: it asks Kafka as always, and the answers are read in fetchAnswer.ts.
 *
 * kafkajs 2.2.4 has no door for that. It is put between a client's cluster and its brokers, under a private symbol; the version is
 * held, and where anything there looks different, or a broker answers in an older form, kafkajs reads the answer itself and
 * kafkaBatch.ts takes its messages as they are.
 */
import type {Kafka} from 'kafkajs';
import {readAnswer, type FetchRequest} from './fetchAnswer.js';

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
/** The newest that kafkajs knows; brokers since 2.3 do. */
const FETCH_VERSION = 11;

/** Reads the fetches of consumers that this client makes from now on. */
export function readFetches(kafka: Kafka): void {
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
      // Each connection of a broker begins with a lookup of its own.
      if (!ours.has(broker.lookupRequest)) {
        broker.lookupRequest = withOwnFetch(broker.lookupRequest);
        ours.add(broker.lookupRequest);
      }
      return broker;
    };
    return cluster;
  };
}

/** Under which kafkajs keeps what makes a cluster for its consumers. */
export function clusterSymbol(kafka: Kafka): symbol | undefined {
  return Object.getOwnPropertySymbols(kafka).find(({description = ''}) =>
    description.endsWith('Kafka:createCluster'),
  );
}

function withOwnFetch(lookup: Lookup): Lookup {
  return (apiKey, definition) => {
    const make = lookup(apiKey, definition);
    if (apiKey !== FETCH_API) return make;
    return (args) => {
      const call = make(args);
      if (call.request.apiVersion !== FETCH_VERSION) return call;
      const {response} = call;
      const decode = async (answer: Buffer): Promise<unknown> =>
        (await readAnswer(answer, args)) ?? (await response.decode(answer));
      return {...call, response: {...response, decode}};
    };
  };
}
