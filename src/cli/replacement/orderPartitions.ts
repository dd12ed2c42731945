/** The partition of each order that `projector sync` reads from MySQL. */
import type {KafkaTopic} from '../../clients/kafka/admin.js';
import type {Config} from '../../config/config.js';
import {ProjectorError} from '../../runtime/errors.js';
import {orderPartitions} from '../../upstream/orderPartitions.js';
import type {SourceTables} from '../../upstream/sourceTables.js';
import {endsOf} from '../visibility.js';

/** Undefined in the layout `single`. The function throws `rebuild-refused` if the partition of an order is not certain. */
export async function orderPartitionsOf(
  {redisLayout}: Pick<Config, 'redisLayout'>,
  {topic, tables}: {topic: KafkaTopic; tables: SourceTables},
): Promise<((orderId: string) => number) | undefined> {
  if (redisLayout === 'single') return undefined;
  const known = await orderPartitions({
    tables,
    ends: await endsOf(topic),
    recordsBefore: async (partition, end) => await topic.recordsBefore(partition, end),
  });
  return (orderId) => {
    const partition = known(orderId);
    if (partition !== undefined) return partition;
    throw new ProjectorError(
      'rebuild-refused',
      `the partition of order ${orderId} is unknown: ${topic.name} has no records of orders, or their keys have another form than the generated connector writes`,
    );
  };
}
