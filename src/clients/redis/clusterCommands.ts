/**
 * Commands to the masters of a Redis Cluster.
 *
 * I4: a command is sent again only if a node replies that it has not executed it. If a connection is closed, its commands reject.
 *
 * S6: the commands for a slot keep their order. While one of them waits to be sent again, later ones wait for it.
 */
import type {Redis} from 'ioredis';
import {systemClock} from '../../runtime/lifecycle.js';
import type {ClusterNodes} from './clusterNodes.js';
import {placeOf, redirectOf, type Redirect} from './redirect.js';
import type {Command} from './route.js';

/** Pause before a command is sent again. */
const PAUSE_MS = 50;

/** A command for a slot. */
interface Errand<T> {
  readonly slot: number;
  readonly command: Command<T>;
  /** Whether it can run on the node that a slot is being moved to. */
  readonly followsAsk: boolean;
  readonly deadlineMs: number;
}

type Attempt<T> = {readonly reply: T} | {readonly redirect: Redirect};

/** The redirected commands for one slot, in any order, and a promise that resolves when they have settled. */
interface Waiting {
  readonly commands: {readonly order: number; readonly run: () => Promise<void>}[];
  readonly settled: Promise<void>;
}

export class ClusterCommands {
  readonly #nodes: ClusterNodes;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #sent = 0;

  constructor(nodes: ClusterNodes, timeoutMs: number) {
    this.#nodes = nodes;
    this.#timeoutMs = timeoutMs;
  }

  /** Whether a command for this slot was redirected and has not settled. */
  isWaiting(slot: number): boolean {
    return this.#waiting.has(slot);
  }

  /** Sends a command to the master of a slot, and follows redirects. */
  async send<T>(slot: number, command: Command<T>, {followsAsk}: {followsAsk: boolean}): Promise<T> {
    const errand = {slot, command, followsAsk, deadlineMs: systemClock.nowMs() + this.#timeoutMs};
    for (let earlier = this.#waiting.get(slot); earlier !== undefined; earlier = this.#waiting.get(slot))
      await earlier.settled;
    const order = this.#sent++;
    const attempt = await this.#attempt(errand, this.#nodes.masterOf(slot), false);
    if ('reply' in attempt) return attempt.reply;
    return await new Promise<T>((resolve, reject) => {
      const run = async (): Promise<void> =>
        await this.#sendAgain(errand, attempt.redirect).then(resolve, reject);
      this.#enqueue(slot, {order, run});
    });
  }

  #enqueue(slot: number, command: Waiting['commands'][number]): void {
    const waiting = this.#waiting.get(slot);
    if (waiting !== undefined) {
      waiting.commands.push(command);
      return;
    }
    const commands = [command];
    this.#waiting.set(slot, {commands, settled: this.#drain(slot, commands)});
  }

  /** Sends the commands of a slot again, one after the other, in the order in which they were sent first. */
  async #drain(slot: number, commands: Waiting['commands']): Promise<void> {
    // Redirects of several commands arrive together. ioredis delivers the redirect of a script later than the others.
    await systemClock.sleep(0);
    while (commands.length > 0) {
      commands.sort((a, b) => a.order - b.order);
      await commands.shift()?.run();
    }
    this.#waiting.delete(slot);
  }

  /** Sends a command again until a node executes it, or until its deadline has passed. */
  async #sendAgain<T>(errand: Errand<T>, first: Redirect): Promise<T> {
    let redirect = first;
    for (let pauseMs = first.kind === 'wait' ? PAUSE_MS : 0; ; pauseMs = PAUSE_MS) {
      const isPatient = redirect.kind === 'ask' && !errand.followsAsk;
      this.#requireTime(errand, redirect);
      await systemClock.sleep(isPatient ? PAUSE_MS : pauseMs, this.#nodes.closed);
      const target = await this.#targetOf(errand, redirect);
      this.#requireTime(errand, redirect);
      const attempt = await this.#attempt(errand, target, redirect.kind === 'ask' && errand.followsAsk);
      if ('reply' in attempt) return attempt.reply;
      redirect = attempt.redirect;
    }
  }

  #requireTime({deadlineMs}: Errand<unknown>, {error}: Redirect): void {
    if (this.#nodes.closed.aborted || systemClock.nowMs() >= deadlineMs) throw this.#nodes.failure(error);
  }

  async #targetOf({slot, followsAsk, deadlineMs}: Errand<unknown>, to: Redirect): Promise<Redis | undefined> {
    const target =
      to.kind === 'wait' || (to.kind === 'ask' && !followsAsk) ? undefined : this.#nodes.at(to.place);
    const isKnown = target !== undefined && (to.kind === 'ask' || this.#nodes.masterOf(slot) === target);
    if (!isKnown) await this.#nodes.refresh(Math.max(0, deadlineMs - systemClock.nowMs()));
    if (to.kind === 'ask' && followsAsk) return this.#nodes.at(to.place);
    // The node that returned the slots may have an older assignment than the node that redirected the command.
    if (to.kind === 'moved') this.#nodes.assign(slot, to.place);
    return this.#nodes.masterOf(slot);
  }

  async #attempt<T>({slot, command}: Errand<T>, node: Redis | undefined, asks: boolean): Promise<Attempt<T>> {
    if (node === undefined) {
      return {redirect: {kind: 'wait', place: '', error: this.#nodes.withoutMaster(slot)}};
    }
    try {
      // ASKING applies to the next command on the connection. If it fails, that command fails too.
      if (asks) node.asking().catch(() => undefined);
      return {reply: await command(node)};
    } catch (error) {
      const redirect = redirectOf(error, placeOf(node));
      if (redirect === undefined) throw this.#nodes.failure(error, placeOf(node));
      return {redirect};
    }
  }
}
