/** Errors with which a node of a Redis Cluster says that it has not executed a command. */
import type {Redis} from 'ioredis';
import {messageOf, ProjectorError} from '../../runtime/errors.js';
import {translateRedisError} from './errors.js';

/**
 * Where the command can be sent again (I4):
 *
 * - `moved`: another node has the slot.
 * - `ask`: the slot is being moved, and the other node has the key, if it exists.
 * - `wait`: no node can execute it now (TRYAGAIN, CLUSTERDOWN, or no node is known for the slot).
 */
export interface Redirect {
  readonly kind: 'moved' | 'ask' | 'wait';
  /** The address of the other node, as `host:port`. It is '' for `wait`. */
  readonly place: string;
  readonly error: unknown;
}

/** Returns undefined if the command may have been executed, or if another node would reply the same. */
export function redirectOf(error: unknown, from: string): Redirect | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined;
  const [, word = '', place = ''] = /^(MOVED|ASK) \d+ (\S+)/.exec(error.message) ?? [];
  // The host is empty if it is the one that the client has used for this node.
  const to = place.startsWith(':') ? `${hostOf(from)}${place}` : place;
  if (word === 'MOVED') return {kind: 'moved', place: to, error};
  if (word === 'ASK') return {kind: 'ask', place: to, error};
  return /^(?:TRYAGAIN|CLUSTERDOWN)\b/.test(error.message) ? {kind: 'wait', place: '', error} : undefined;
}

/** The address of a node, as CLUSTER SLOTS names it. */
export function placeOf(node: Redis): string {
  return `${node.options.host ?? ''}:${node.options.port ?? ''}`;
}

/** Errors of commands in a script, if its keys are not all on this node or if the cluster is down. The first commands may have run. */
const IN_SCRIPT =
  /Script attempted to (?:access a non local key|execute a (?:write )?command while the cluster is down)/;

/** Translates an error of a node. `fault` is the reason why there is no connection to it. */
export function clusterError(error: unknown, where: string, fault: Error | undefined): ProjectorError {
  if (error instanceof ProjectorError) return error;
  const message = messageOf(error);
  if (/^(?:MOVED|ASK)\b/.test(message) || IN_SCRIPT.test(message)) {
    const detail = `${where} cannot process commands while slots are moved: ${message.replace(/\.? script: [0-9a-f]{40}.*$/, '')}`;
    return new ProjectorError('redis-unreachable', detail, {cause: error});
  }
  return translateRedisError(error, where, fault);
}

function hostOf(place: string): string {
  return place.slice(0, place.lastIndexOf(':'));
}
