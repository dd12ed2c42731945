/** What Redis and ioredis say when something is wrong, as errors of this program. */
import {connectionReason, messageOf, ProjectorError} from '../../runtime/errors.js';
import {tlsError} from '../tls.js';

/** Errors of a server that will answer later. The first word of Redis' error texts. */
const PASSING_ERRORS =
  /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MISCONF|NOREPLICAS|BUSY|OOM|UNKILLABLE)\b/;
/** Within a script a missing right has a text of its own: Redis 7.0 tells of the user, later ones of an ACL failure. */
const DENIED_ERRORS =
  /^(?:NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password|ERR ACL failure|ERR The user executing the script)/;
const CORRUPT_ERRORS = /^(?:WRONGTYPE|CORRUPT)\b/;

/** `where` names the server; `connectionError` is why there is no connection now, if there is none. */
export function translateRedisError(
  error: unknown,
  where: string,
  connectionError: Error | undefined,
): ProjectorError {
  if (error instanceof ProjectorError) return error;
  // Redis adds the script's digest and line to errors of scripts; they mean nothing to an operator.
  const message = messageOf(error).replace(/\.? script: [0-9a-f]{40}.*$/, '');
  if (DENIED_ERRORS.test(message)) {
    return new ProjectorError('redis-denied', `${where} refuses: ${message}`, {cause: error});
  }
  if (CORRUPT_ERRORS.test(message)) {
    return new ProjectorError('read-model-corrupt', `${where}: ${message}`, {cause: error});
  }
  if (PASSING_ERRORS.test(message)) {
    return new ProjectorError('redis-unreachable', `${where} cannot work now: ${message}`, {cause: error});
  }
  if (error instanceof Error && error.name === 'ReplyError') {
    return new ProjectorError('internal', `${where}: ${message}`, {cause: error});
  }
  const cause = connectionError ?? error;
  if (DENIED_ERRORS.test(messageOf(cause))) {
    return new ProjectorError('redis-denied', `${where} refuses: ${messageOf(cause)}`, {cause});
  }
  const refusal = tlsError(cause, where);
  if (refusal !== undefined) return refusal;
  return new ProjectorError('redis-unreachable', `${where} does not answer: ${connectionReason(cause)}`, {
    cause,
  });
}
