/**
 * Lets fetchAnswer.ts read the fetch responses of a kafkajs client. kafkajs still sends the fetch requests.
 *
 * kafkajs 2.2.4 has no API for this, so cluster.ts replaces the calls of its brokers. If the internals of kafkajs differ, or if a broker
 * uses an older version of the protocol, kafkajs reads the response itself. Then batch.ts uses the messages of kafkajs.
 */
import type {Kafka} from 'kafkajs';
import {onEachCluster, replaceCalls, type MakeCall} from '../cluster.js';
import {readAnswer, type FetchRequest, type OnFault} from './fetchAnswer.js';

const FETCH_API = 1;
/** The newest version that kafkajs supports. Brokers support it since Kafka 2.3. */
const FETCH_VERSION = 11;

/** Takes over the fetch responses of every consumer that this client creates after the call. */
export function readFetches(kafka: Kafka, onFault: OnFault): void {
  onEachCluster(kafka, (cluster) => replaceCalls(cluster, FETCH_API, (make) => withOwnFetch(make, onFault)));
}

function withOwnFetch(make: MakeCall, onFault: OnFault): MakeCall {
  return (args) => {
    const call = make(args);
    if (call.request.apiVersion !== FETCH_VERSION) return call;
    const {response} = call;
    const decode = async (answer: Buffer): Promise<unknown> =>
      (await readAnswer(answer, args as FetchRequest, onFault)) ?? (await response.decode(answer));
    return {...call, response: {...response, decode}};
  };
}
