/** The consumer group: its members, and the partitions that the coordinator has assigned to them. */
import type {Random} from '../support/random.js';
import type {SimLog} from './simLog.js';

export class SimGroup {
  readonly #members = new Set<SimLog>();
  readonly #partitions: readonly number[];
  /** True if a member joined or left since the last assignment. */
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

  /** Assigns the partitions again. A member continues until the scheduler delivers its assignment. */
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
