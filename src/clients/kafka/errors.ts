/** Translates errors of kafkajs into errors of this program, and decides which of them a new client can recover from. */
import {causesOf, messageOf, ProjectorError} from '../../runtime/errors.js';
import {CodecMissing} from './codecs.js';
import {tlsError} from '../tls.js';

/** If a broker rejects a token, kafkajs does not read the reason and sees only a closed connection. So the message names this cause. */
export function withTokenHint(failure: ProjectorError): ProjectorError {
  // kafkajs can continue on the connection that the broker is closing. Then the broker reports the state of that connection.
  const isClosing = namesOf(failure).some((name) => name.includes('ILLEGAL_SASL_STATE'));
  const isUnreachable = failure.kind === 'kafka-unreachable' || isClosing;
  if (!isUnreachable || /ECONNREFUSED|token endpoint/.test(failure.detail)) return failure;
  const hint = 'a broker that rejects the OAuth token also closes the connection';
  const detail = `${failure.detail} (${hint}: check the audience, the issuer and the expiry of the token)`;
  return new ProjectorError('kafka-unreachable', detail, {cause: failure});
}

/** Errors of unreachable or moved brokers, and of a lost group membership. A new client can recover from them. */
const PASSING =
  /Connection|RequestTimeout|LockTimeout|NotFound|NotLoaded|NoBroker|REBALANCE|GENERATION|MEMBER_ID|COORDINATOR|LEADER/;

/** Whether a new client should replace a client that stopped with this error. */
export function isPassing(error: unknown): boolean {
  const own = ownOf(error);
  if (own !== undefined) return own.kind === 'kafka-unreachable';
  return namesOf(error).some((name) => PASSING.test(name));
}

/** Whether Kafka answered that the partition does not contain the requested offset. */
export function isOutOfRange(error: unknown): boolean {
  return namesOf(error).some((name) => /OFFSET_OUT_OF_RANGE|OffsetOutOfRange/.test(name));
}

/** Whether Kafka answered that the topic does not exist. */
export function isMissingTopic(error: unknown): boolean {
  return namesOf(error).some((name) => name.includes('UNKNOWN_TOPIC_OR_PARTITION'));
}

/** Translates an error of kafkajs into a ProjectorError. `where` names the topic and the brokers. */
export function translateKafkaError(error: unknown, where: string): ProjectorError {
  const own = ownOf(error);
  if (own !== undefined) return own;
  const names = namesOf(error);
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  const message = messageOf(error);
  const refusal = tlsError(error, `Kafka for ${where}`);
  if (refusal !== undefined) return refusal;
  if (has(/SASL|AUTHORIZATION|AUTHENTICATION/)) {
    return new ProjectorError('kafka-denied', `Kafka denied access to ${where}: ${message}`, {cause: error});
  }
  if (isMissingTopic(error)) {
    return new ProjectorError('topic-missing', `topic ${where} does not exist`, {cause: error});
  }
  const codec = [...causesOf(error)].find((link) => link instanceof CodecMissing);
  if (codec !== undefined) {
    const detail = `a record batch of ${where} is compressed with ${codec.message}`;
    return new ProjectorError('codec-missing', detail, {cause: error});
  }
  return new ProjectorError('kafka-unreachable', `request to Kafka for ${where} failed: ${message}`, {
    cause: error,
  });
}

/** The error with which the worker stops after its Kafka client has stopped with a permanent error. */
export function crashOf(error: unknown, where: string): ProjectorError {
  const translated = translateKafkaError(error, where);
  if (translated.kind !== 'kafka-unreachable') return translated;
  return new ProjectorError(
    'consumer-crashed',
    `the Kafka client for ${where} stopped: ${messageOf(error)}`,
    {
      cause: error,
    },
  );
}

/** An error that this program threw inside a call of kafkajs. kafkajs wraps such an error in one of its own. */
function ownOf(error: unknown): ProjectorError | undefined {
  return [...causesOf(error)].find((link) => link instanceof ProjectorError);
}

/** The name and the protocol error type of an error and of each of its causes. */
function namesOf(error: unknown): string[] {
  return [...causesOf(error)].flatMap((link) =>
    link instanceof Error ? [`${link.name} ${'type' in link ? String(link.type) : ''}`] : [],
  );
}
