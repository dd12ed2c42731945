/** The repair of `projector verify --repair`, and the check of the connector before it. */
import {randomUUID} from 'node:crypto';
import type {ReadModel} from '../../apply/readModel.js';
import {Fences} from '../../apply/fences.js';
import {ConnectClient} from '../../clients/connect.js';
import type {KafkaTopic} from '../../clients/kafka/admin.js';
import type {MysqlClient} from '../../clients/mysql.js';
import type {RedisClient} from '../../clients/redis/client.js';
import type {ConfigWith} from '../../config/config.js';
import {asProjectorError, ProjectorError} from '../../runtime/errors.js';
import {keySpace} from '../../redis-model/keys.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {requireSameTopic, whyNotRunning} from '../../upstream/connector.js';
import {orderPartitions} from '../../upstream/orderPartitions.js';
import type {SourceTables} from '../../upstream/sourceTables.js';
import {MysqlSide} from '../../operations/verify/mysqlSide.js';
import {Repair} from '../../operations/verify/repair.js';
import {Sides, type OrderPlaces} from '../../operations/verify/sides.js';
import {chosenConnector} from '../connectorFile.js';
import {newLock} from '../replacement/staging.js';
import {endsOf} from '../visibility.js';

/**
 * Returns a check that the connector and its task are running. Without CONNECT_URL it checks nothing.
 *
 * A repair while the connector is stopped would count changes twice:
 *
 *   1. MySQL commits a change, and the stopped connector does not write its record to the topic.
 *   2. The repair sets a sum to the value of MySQL, which includes the change.
 *   3. The connector is started again and writes the record to the topic.
 *   4. A worker applies the record and adds the change to the sum again.
 */
export function newUpstreamCheck(
  connectorFile: string | undefined,
  config: ConfigWith<'brokers'>,
): () => Promise<void> {
  const {connectUrl, topic} = config;
  return async () => {
    if (connectUrl === undefined) return;
    const file = chosenConnector({file: connectorFile}, config);
    try {
      requireSameTopic(file, topic);
    } catch (error) {
      const {detail} = asProjectorError(error);
      throw new ProjectorError('usage', `${detail}: name the right file with --connector-file`, {
        cause: error,
      });
    }
    const reason = whyNotRunning(await new ConnectClient(connectUrl).status(file.name));
    if (reason === undefined) return;
    throw new ProjectorError(
      'repair-refused',
      `connector ${file.name} ${reason}: recent changes of MySQL may be missing from the topic, and a repair would count them twice in the sums`,
    );
  };
}

export interface RepairParts {
  readonly config: ConfigWith<'brokers' | 'redisUrl'>;
  readonly redis: RedisClient;
  readonly mysql: MysqlClient;
  readonly tables: SourceTables;
  readonly model: ReadModel;
  readonly partitions: number;
  readonly topic: Pick<KafkaTopic, 'ranges' | 'recordsBefore'>;
  /** Undefined in the layout `single`. */
  readonly places?: OrderPlaces | undefined;
  readonly requireUpstream: () => Promise<void>;
  readonly visible: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** Runs `work` with a repair while this process holds the lock of rebuilds. */
export async function withRepair<T>(
  {
    config,
    redis,
    mysql,
    tables,
    model,
    partitions,
    topic,
    places,
    requireUpstream,
    visible,
    signal,
  }: RepairParts,
  {removeMalformed: mayRemove}: {readonly removeMalformed: boolean},
  work: (repair: Repair, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const id = randomUUID().slice(0, 8);
  const {keyPrefix: prefix} = config;
  const lock = newLock(redis, {id, command: 'repair'}, config);
  const all = Array.from({length: partitions}, (_, partition) => partition);
  const locked = {
    lockKey: keySpace(config.redisLayout, prefix).shared.rebuildLock,
    lockText: lock.text,
  };
  const sharded = places === undefined ? undefined : {keys: places.keys, ...locked};
  const fences = (which: readonly number[]): Fences =>
    new Fences(redis, {
      ...locked,
      isPartitioned: sharded !== undefined,
      holder: id,
      positionKeys: which.map((partition) => model.positions.key(partition)),
    });
  const partitionOf = await orderPartitions({
    tables,
    ends: await endsOf(topic),
    recordsBefore: async (partition, end) => await topic.recordsBefore(partition, end),
  });
  // These sides do not retry, because a fence expires within seconds and a late repair would be rejected.
  const sides = new Sides({expected: new MysqlSide(mysql, tables), redis, prefix, places});
  const parts = {sides, mysql, tables, visible, fences, partitions: all, partitionOf, model, redis, sharded};
  const deps = {...parts, requireUpstream, clock: systemClock, mayRemove};
  return await lock.during(signal, async (held) => await work(new Repair({...deps, signal: held}), held));
}
