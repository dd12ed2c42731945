/** Where a comparison finds the orders in the layout `partitioned`. */
import type {KafkaTopic} from '../../clients/kafka/admin.js';
import type {Config} from '../../config/config.js';
import type {OrderPlaces} from '../../operations/verify/sides.js';
import {keySpace} from '../../redis-model/keys.js';
import {ProjectorError} from '../../runtime/errors.js';
import {orderPartitions} from '../../upstream/orderPartitions.js';
import type {SourceTables} from '../../upstream/sourceTables.js';
import {endsOf} from '../visibility.js';

/** Where orders are in the layout `partitioned`; undefined in `single`. Rejects with `verify-halted` if the topic has keys of another form. */
export async function orderPlaces(
  {redisLayout, keyPrefix, topic: name}: Pick<Config, 'redisLayout' | 'keyPrefix' | 'topic'>,
  {topic, tables}: {topic: Pick<KafkaTopic, 'ranges' | 'recordsBefore'>; tables: SourceTables},
): Promise<OrderPlaces | undefined> {
  if (redisLayout === 'single') return undefined;
  const ends = await endsOf(topic);
  const recordsBefore: KafkaTopic['recordsBefore'] = async (partition, end) =>
    await topic.recordsBefore(partition, end);
  const known = await orderPartitions({tables, ends, recordsBefore});
  const partitionOf = (orderId: string): number => {
    const partition = known(orderId);
    if (partition !== undefined) return partition;
    throw new ProjectorError(
      'verify-halted',
      `the partition of order ${orderId} is unknown: the record keys of ${name} have another form than the generated connector writes, or it has no records`,
    );
  };
  return {keys: keySpace(redisLayout, keyPrefix), partitionOf};
}
