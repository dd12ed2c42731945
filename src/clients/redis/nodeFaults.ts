/** Why the last connection to each node of a Redis Cluster failed. ioredis reports only that a connection is closed. */
import type {Redis} from 'ioredis';
import {cutOff} from '../tls.js';
import {placeOf} from './redirect.js';

export class NodeFaults {
  /** By the address of the node. The newest one is the last one. */
  readonly #faults = new Map<string, Error>();

  /** The fault of a node. Undefined if it has responded since then. */
  of(place: string): Error | undefined {
    return this.#faults.get(place);
  }

  /** The newest fault of the nodes that have not responded since then. */
  get last(): Error | undefined {
    return [...this.#faults.values()].at(-1);
  }

  some(isWanted: (error: Error) => boolean): boolean {
    return [...this.#faults.values()].some(isWanted);
  }

  /** Remembers what ioredis reports. The closing of a connection says less than its error, which came before. */
  report(place: string, error: Error): void {
    if (error.name === 'ReplyError' || !this.#faults.has(place)) this.#set(place, error);
  }

  /** Follows a connection, and the ones that ioredis derives from it to read the slots. It ignores the errors of those. */
  watch(node: Redis): void {
    const place = placeOf(node);
    const hasTls = node.options.tls !== undefined;
    let isUnanswered = false;
    node.on('connect', () => {
      isUnanswered = hasTls;
      node.stream.once('data', () => {
        isUnanswered = false;
        this.#faults.delete(place);
      });
    });
    node.on('error', (error: Error) => this.#set(place, isUnanswered ? cutOff(error) : error));
    const duplicate = node.duplicate.bind(node);
    node.duplicate = (override) => {
      const copy = duplicate(override);
      this.watch(copy);
      return copy;
    };
  }

  #set(place: string, error: Error): void {
    this.#faults.delete(place);
    this.#faults.set(place, error);
  }
}
