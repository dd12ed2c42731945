/** The consumer group: who is in it, and who has which partition as far as the coordinator knows. */
import type {Random} from '../support/random.js';
import type {SimLog} from './simLog.js';

export class SimGroup {
  readonly #members = new Set<SimLog>();
  readonly #partitions: readonly number[];
  /** Members came or went since the last assignment. */
  needsRebalance = false;

  constructor(partitions: readonly number[]) {
    this.#partitions = partitions;
  }

  has(member: SimLog): boolean {
    return this.#members.has(member);
  }

  join(member: SimLog): void {
    this.#members.add(member);
    this.needsRebalance = true;
  }

  leave(member: SimLog): void {
    member.pending = undefined;
    if (this.#members.delete(member)) this.needsRebalance = true;
  }

  /** Deals the partitions out anew. A member hears of it when the scheduler lets it; until then it goes on as before. */
  rebalance(random: Random): string {
    this.needsRebalance = false;
    const members = [...this.#members];
    const shares = members.map((): number[] => []);
    for (const partition of this.#partitions) shares[random.int(0, members.length - 1)]?.push(partition);
    return members
      .map((member, index) => {
        member.pending = shares[index] ?? [];
        return `${member.name}=[${member.pending.join()}]`;
      })
      .join(' ');
  }
}
