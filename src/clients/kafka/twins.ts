/**
 * Warns if another member of the group has the instance id of this worker. At its start, one of them has removed the other, which has joined
 * again. Each removes others only at its own start, so they do not remove each other repeatedly.
 */
import type {KafkaLogSink, KafkaSettings} from './admin.js';
import {GroupMembers} from './members.js';

export class Twins {
  readonly #settings: KafkaSettings;
  readonly #groupId: string;
  readonly #log: KafkaLogSink;
  /** Member ids that this worker has had in the group. */
  readonly #own = new Set<string>();

  /** `settings.clientId` is the instance id. */
  constructor(settings: KafkaSettings, groupId: string, log: KafkaLogSink) {
    this.#settings = settings;
    this.#groupId = groupId;
    this.#log = log;
  }

  /** To be called at each assignment. `memberId` is the member id that this worker has now. */
  async look(memberId: string): Promise<void> {
    this.#own.add(memberId);
    const members = new GroupMembers(this.#settings, this.#groupId);
    try {
      const twins = (await members.find()).filter(({id}) => !this.#own.has(id));
      if (twins.length === 0) return;
      const hosts = twins.map(({host}) => host).join(', ');
      const message = `another member of group ${this.#groupId} has the instance id ${this.#settings.clientId} (host ${hosts}): set PROJECTOR_INSTANCE_ID to a different value for each worker`;
      this.#log({level: 'warn', message});
    } catch {
      // The check is repeated at the next assignment.
    } finally {
      members.close();
    }
  }
}
