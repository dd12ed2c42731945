/**
 * The connection of one worker to Redis.
 *
 * Redis executes the commands of one socket in their order and replies in this order, each at a time that the
 * scheduler chooses. If the socket breaks, all commands in flight reject at the worker. Redis still executes
 * the commands that had arrived, at any later time, even after the worker has connected again and sent other
 * commands.
 */
import type {ScriptHost} from '../../src/apply/readModel.js';
import type {MergeHost} from '../../src/apply/reports.js';
import type {Script} from '../../src/clients/redis/client.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import {translated, type RedisCommand} from './fakeRedis.js';
import {ReplyError} from './keyspace.js';
import {readMerge} from './fakeMerge.js';
import type {Life} from './life.js';
import type {SimServer} from './server.js';
import type {Slot} from './slotHistory.js';

interface Flight {
  readonly command: RedisCommand;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  answer?: {readonly value: unknown} | {readonly error: unknown};
}

/** A socket, and the commands that the server has not executed. */
export class Wire {
  readonly server: SimServer;
  /** The name of the worker, for the trace. */
  readonly owner: string;
  readonly sent: Flight[] = [];
  readonly answered: Flight[] = [];

  constructor(server: SimServer, owner: string) {
    this.server = server;
    this.owner = owner;
  }

  /**
   * The commands that the server can execute next: the oldest one of each slot. A cluster client has one connection to each node, so
   * commands of different slots can overtake each other.
   */
  executable(): Flight[] {
    const waiting = new Set<Slot>();
    return this.sent.filter(({command}) => {
      const keys = command.kind === 'getAll' ? command.keys : [command.key];
      const slots = keys.map((key) => this.server.slotOf(key));
      const isNext = slots.every((slot) => !waiting.has(slot));
      for (const slot of slots) waiting.add(slot);
      return isNext;
    });
  }

  /** The server executes a command, by default the oldest. Returns the command and its result for the trace. */
  execute(flight = this.sent[0]): string {
    if (flight === undefined) throw new Error('there is no command to execute');
    this.sent.splice(this.sent.indexOf(flight), 1);
    const {command} = flight;
    try {
      flight.answer = {value: this.server.execute(command)};
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      flight.answer = {error};
    }
    this.answered.push(flight);
    return `${textOf(command)}: ${answerText(flight.answer)}`;
  }
}

export class SimRedis implements ScriptHost, MergeHost {
  /** The open connection; undefined if there is none. */
  wire: Wire | undefined;
  readonly #life: Life;

  constructor(life: Life) {
    this.#life = life;
  }

  async run({name}: Script, key: string, args: readonly string[]): Promise<unknown> {
    try {
      return await this.#send({kind: 'script', name, isByDigest: true, key, args});
    } catch (error) {
      if (!(error instanceof ReplyError) || !error.message.startsWith('NOSCRIPT')) throw translated(error);
    }
    // As with ioredis, this command follows the commands that were sent in between.
    return await this.#send({kind: 'script', name, isByDigest: false, key, args}).catch(rethrowTranslated);
  }

  async getAll(keys: readonly string[]): Promise<(string | null)[]> {
    if (keys.length === 0) return [];
    return (await this.#send({kind: 'getAll', keys}).catch(rethrowTranslated)) as (string | null)[];
  }

  async hashFields(key: string): Promise<string[]> {
    return (await this.#send({kind: 'hashFields', key}).catch(rethrowTranslated)) as string[];
  }

  async hashFieldsOf(key: string, names: readonly string[]): Promise<(string | null)[]> {
    // The real client sends nothing if no field is asked for.
    if (names.length === 0) return [];
    return (await this.#send({kind: 'hashFieldsOf', key, names}).catch(rethrowTranslated)) as (
      string | null
    )[];
  }

  async listRange(key: string, from: number, to: number): Promise<string[]> {
    return (await this.#send({kind: 'listRange', key, from, to}).catch(rethrowTranslated)) as string[];
  }

  connect(server: SimServer): void {
    this.wire = new Wire(server, this.#life.name);
  }

  /**
   * The worker receives the oldest reply. Returns true if the client closes the connection after this reply.
   */
  hear(): boolean {
    const flight = this.wire?.answered.shift();
    if (flight?.answer === undefined) throw new Error('there is no reply to receive');
    if ('value' in flight.answer) {
      flight.resolve(flight.answer.value);
      return false;
    }
    const {error} = flight.answer;
    flight.reject(error);
    return error instanceof ReplyError && error.message.startsWith('READONLY');
  }

  /**
   * The socket breaks after `arrived` of the commands that are not executed had reached the server. Returns the
   * socket if the server still has to execute commands of it.
   */
  cut(arrived: number): Wire | undefined {
    const {wire} = this;
    if (wire === undefined) return undefined;
    this.wire = undefined;
    const lost = [...wire.answered, ...wire.sent];
    wire.answered.length = 0;
    wire.sent.length = Math.min(arrived, wire.sent.length);
    const error = new ProjectorError('redis-unreachable', 'the connection was closed');
    if (!this.#life.isDead) for (const {reject} of lost) reject(error);
    return wire.sent.length > 0 ? wire : undefined;
  }

  async #send(command: RedisCommand): Promise<unknown> {
    return await new Promise((resolve, reject) => {
      if (this.#life.isDead) return;
      if (this.wire !== undefined) {
        this.wire.sent.push({command, resolve, reject});
        return;
      }
      // It rejects in a later step, because the worker can be killed in this one.
      queueMicrotask(() => {
        if (!this.#life.isDead) reject(new ProjectorError('redis-unreachable', 'there is no connection'));
      });
    });
  }
}

function rethrowTranslated(error: unknown): never {
  throw translated(error);
}

function textOf(command: RedisCommand): string {
  if (command.kind !== 'script') return command.kind;
  const digest = command.isByDigest ? '' : ' in full';
  if (command.name === 'projectorTake') return `take${digest} ${command.args.slice(0, 2).join(' ')}`;
  if (command.name === 'projectorMerge') {
    const moves = readMerge(command.args).moves.map(
      ([partition, from, to]) => `${partition} ${from}>${nextOf(` ${to}`)}`,
    );
    return `merge${digest} ${moves.join(', ')}`;
  }
  const [expected = '', next = ''] = command.args;
  return `script${digest} ${command.key.slice(-1)} ${nextOf(expected)}>${nextOf(next)}`;
}

/** The next offset of a position text, for the trace. */
function nextOf(position: string): string {
  return position === '' ? '-' : (position.split(' ')[1] ?? '?');
}

function answerText(answer: NonNullable<Flight['answer']>): string {
  if ('error' in answer) return answer.error instanceof Error ? answer.error.message : 'failed';
  const {value} = answer;
  if (!Array.isArray(value)) return 'done';
  const [first, second] = value as unknown[];
  return typeof first === 'string' && first.startsWith('v1 ')
    ? nextOf(first)
    : `${String(first)} ${String(second)}`;
}
