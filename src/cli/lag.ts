/** `projector lag`: how far Redis is behind the log. */
import {KafkaTopic} from '../clients/kafka.js';
import {RedisClient} from '../clients/redis.js';
import {kafkaSettings, type ConfigWith} from '../config.js';
import {EXIT} from '../errorPolicy.js';
import {ProjectorError} from '../errors.js';
import {readLag} from '../observe/lag.js';
import {StoredPositions} from '../storedPositions.js';
import {table, type Output} from './output.js';

export async function lag(
  options: {readonly json: boolean},
  {config, output}: {config: ConfigWith<'brokers' | 'redisUrl'>; output: Output},
): Promise<number> {
  const redis = new RedisClient({url: config.redisUrl, timeoutMs: config.redisTimeoutMs});
  const topic = new KafkaTopic(kafkaSettings(config), config.topic);
  try {
    await redis.connect();
    const partitions = await topic.partitionCount();
    if (partitions === undefined) {
      throw new ProjectorError(
        'topic-missing',
        `there is no topic ${config.topic} on ${config.brokers.join(',')}`,
      );
    }
    const positions = new StoredPositions(redis, config.topic, config.keyPrefix);
    const rows = await readLag(topic, positions, partitions);
    const total = rows.reduce((sum, row) => sum + row.lagRecords, 0n);
    if (options.json) {
      const printable = rows.map((row) => ({
        partition: row.partition,
        position: row.position?.toString() ?? null,
        end: row.end.toString(),
        lagRecords: row.lagRecords.toString(),
      }));
      output.line(JSON.stringify({topic: config.topic, lagRecords: total.toString(), partitions: printable}));
      return EXIT.ok;
    }
    const cells = rows.map((row) => [
      String(row.partition),
      row.position?.toString() ?? 'none',
      String(row.end),
      String(row.lagRecords),
    ]);
    for (const line of table(['partition', 'position', 'end', 'lag'], cells)) output.line(line);
    output.line(`${total} records behind on ${config.topic}`);
    return EXIT.ok;
  } finally {
    redis.close();
    await topic.close();
  }
}
