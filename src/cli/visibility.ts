/** How a command waits until MySQL shows what is in the topic (S8). */
import type {KafkaTopic} from '../clients/kafka/admin.js';
import type {MysqlClient} from '../clients/mysql.js';
import {systemClock} from '../runtime/lifecycle.js';
import {newVisible, PAUSE_WITHOUT_GTIDS_MS, type Visible} from '../upstream/visibility.js';

/** Semi-synchronous replication waits 10 s for a replica by default. A replica itself can be further behind. */
const TIMEOUT_MS = 60_000;

export interface VisibilityServers {
  readonly topic: Pick<KafkaTopic, 'recordsBefore'>;
  readonly mysql: Pick<MysqlClient, 'connect' | 'isConnected' | 'waitForGtids'>;
}

/** `note` prints a line for the operator. It is called at most once, if GTIDs cannot be used. */
export function mysqlVisible({topic, mysql}: VisibilityServers, note: (text: string) => void): Visible {
  return newVisible({
    recordsBefore: async (partition, end) => await topic.recordsBefore(partition, end),
    waitForGtids: async (gtids, timeoutMs) => {
      if (!mysql.isConnected) await mysql.connect();
      return await mysql.waitForGtids(gtids, timeoutMs);
    },
    timeoutMs: TIMEOUT_MS,
    clock: systemClock,
    onPause: (reason) =>
      note(
        `${reason}, so the command waits ${PAUSE_WITHOUT_GTIDS_MS} ms before it reads MySQL. With semi-synchronous replication or a replica this can be too short`,
      ),
  });
}

/** The ends of the partitions. */
export async function endsOf(topic: Pick<KafkaTopic, 'ranges'>): Promise<Map<number, bigint>> {
  return new Map([...(await topic.ranges())].map(([partition, {high}]) => [partition, high]));
}
