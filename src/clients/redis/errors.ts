/** Translates errors of Redis and ioredis into errors of this program. */
import {connectionReason, messageOf, ProjectorError} from '../../runtime/errors.js';
import {tlsError} from '../tls.js';

/** Temporary errors of the server. The pattern matches the first word of the error text of Redis. */
const PASSING_ERRORS =
  /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MISCONF|NOREPLICAS|BUSY|OOM|UNKILLABLE)\b/;
/** Missing rights. Within a script the error text differs: Redis 7.0 names the user, later versions name an ACL failure. */
const DENIED_ERRORS =
  /^(?:NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password|ERR ACL failure|ERR The user executing the script)/;
/** Also from services that hide their cluster mode, for example a sharded Redis Enterprise. */
const CLUSTER_ERRORS = /^(?:CROSSSLOT|MOVED|ASK)\b/;
const CORRUPT_ERRORS = /^(?:WRONGTYPE|CORRUPT)\b/;

/** `where` names the server. `connectionError` is the reason why there is no connection; undefined if there is one. */
export function translateRedisError(
  error: unknown,
  where: string,
  connectionError: Error | undefined,
): ProjectorError {
  if (error instanceof ProjectorError) return error;
  // Redis adds the digest and the line of the script to its errors. They are removed, because they do not help an operator.
  const message = messageOf(error).replace(/\.? script: [0-9a-f]{40}.*$/, '');
  if (DENIED_ERRORS.test(message)) {
    return new ProjectorError('redis-denied', `${where} denied access: ${message}`, {cause: error});
  }
  if (CORRUPT_ERRORS.test(message)) {
    return new ProjectorError('read-model-corrupt', `${where}: ${message}`, {cause: error});
  }
  if (CLUSTER_ERRORS.test(message)) {
    const detail = `${where} distributes the keys over several servers: ${message}`;
    return new ProjectorError('redis-clustered', detail, {cause: error});
  }
  if (PASSING_ERRORS.test(message)) {
    return new ProjectorError('redis-unreachable', `${where} cannot process commands: ${message}`, {
      cause: error,
    });
  }
  if (error instanceof Error && error.name === 'ReplyError') {
    return new ProjectorError('redis-rejected', `${where} returned an unexpected error: ${message}`, {
      cause: error,
    });
  }
  const cause = connectionError ?? error;
  if (DENIED_ERRORS.test(messageOf(cause))) {
    return new ProjectorError('redis-denied', `${where} denied access: ${messageOf(cause)}`, {cause});
  }
  const refusal = tlsError(cause, where);
  if (refusal !== undefined) return refusal;
  return new ProjectorError('redis-unreachable', `${where} did not respond: ${connectionReason(cause)}`, {
    cause,
  });
}
