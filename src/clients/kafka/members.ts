/**
 * The members of a consumer group that have the client id of this worker.
 *
 * A worker that crashed cannot leave its group. Its successor would wait until the session of the dead member expires. So a worker
 * removes the members with its own client id at start. Positions make a wrong removal harmless (I1): it costs one rebalance.
 *
 * Source: Kafka protocol, DescribeGroups and LeaveGroup; KIP-345 describes the same removal for administrators.
 */
import type {Admin} from 'kafkajs';
import {createKafka, type KafkaSettings} from './admin.js';
import {clusterOf, type Cluster} from './cluster.js';
import {translateKafkaError} from './errors.js';

export interface Member {
  readonly id: string;
  /** The address from which the member connected, as Kafka reports it. */
  readonly host: string;
}

export class GroupMembers {
  readonly #settings: KafkaSettings;
  readonly #groupId: string;
  readonly #admin: Admin;
  readonly #cluster: Cluster;

  /** `settings.clientId` is the client id of the members. */
  constructor(settings: KafkaSettings, groupId: string) {
    const kafka = createKafka(settings, () => undefined, {retries: 1, initialRetryTime: 100});
    this.#settings = settings;
    this.#groupId = groupId;
    this.#admin = kafka.admin();
    this.#cluster = clusterOf(kafka);
  }

  /** The members with this client id. A group that does not exist has none. */
  async find(): Promise<Member[]> {
    return await this.#guarded(async () => {
      await this.#admin.connect();
      const {groups} = await this.#admin.describeGroups([this.#groupId]);
      return (groups[0]?.members ?? [])
        .filter(({clientId}) => clientId === this.#settings.clientId)
        .map(({memberId, clientHost}) => ({id: memberId, host: clientHost.replace(/^\//, '')}));
    });
  }

  /** Removes all members with this client id. Resolves with the removed members. */
  async evict(): Promise<Member[]> {
    const members = await this.find();
    if (members.length === 0) return [];
    return await this.#guarded(async () => {
      await this.#cluster.connect();
      const groupId = this.#groupId;
      const coordinator = await this.#cluster.findGroupCoordinator({groupId});
      for (const {id} of members) await coordinator.leaveGroup({groupId, memberId: id}).catch(ignoreUnknown);
      return members;
    });
  }

  /** Closes the connections. It does not wait for a server that does not respond. */
  close(): void {
    void this.#admin.disconnect().catch(() => undefined);
    void this.#cluster.disconnect().catch(() => undefined);
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw translateKafkaError(error, `group ${this.#groupId} on ${this.#settings.brokers.join(',')}`);
    }
  }
}

/** The member may have left, or its session may have expired, since the list was read. */
function ignoreUnknown(error: unknown): void {
  const isUnknown = error instanceof Error && 'type' in error && error.type === 'UNKNOWN_MEMBER_ID';
  if (!isUnknown) throw error;
}
