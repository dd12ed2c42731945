/** Reads a few records of a topic, outside of a group. `cluster` must know the topic. */
import type {Cluster} from './cluster.js';
import type {LogRecord} from './eventLog.js';

export interface PlacedRecord extends LogRecord {
  readonly partition: number;
}

const FETCH_PARTITION_BYTES = 65_536;

/**
 * The records of each partition from an offset on. Records that do not fit into one fetch are missing, but never those of the batch with
 * that offset.
 */
export async function recordsFrom(
  cluster: Cluster,
  topic: string,
  starts: ReadonlyMap<number, bigint>,
): Promise<PlacedRecord[]> {
  const fetched = await fetchBatches(cluster, topic, starts);
  return fetched.filter(({partition, offset}) => offset >= (starts.get(partition) ?? 0n));
}

/** The records of the batch with the offset before `end`, up to that offset. Empty if the batch has only control records. */
export async function recordsBefore(
  cluster: Cluster,
  topic: string,
  {partition, end}: {readonly partition: number; readonly end: bigint},
): Promise<PlacedRecord[]> {
  const fetched = await fetchBatches(cluster, topic, new Map([[partition, end - 1n]]));
  return fetched.filter(({offset}) => offset < end);
}

/** Kafka returns whole batches, so that the result can begin before the requested offset. */
async function fetchBatches(
  cluster: Cluster,
  topic: string,
  starts: ReadonlyMap<number, bigint>,
): Promise<PlacedRecord[]> {
  const leaders = cluster.findLeaderForPartitions(topic, [...starts.keys()]);
  const parts = Object.entries(leaders).map(async ([nodeId, partitions]) => {
    const broker = await cluster.findBroker({nodeId});
    const places = partitions.map((partition) => ({
      partition,
      fetchOffset: String(starts.get(partition)),
      maxBytes: FETCH_PARTITION_BYTES,
    }));
    const request = {maxWaitTime: 100, minBytes: 1, topics: [{topic, partitions: places}]};
    const {responses} = await broker.fetch(request);
    return responses.flatMap((response) => response.partitions);
  });
  const fetched = (await Promise.all(parts)).flat();
  return fetched.flatMap(({partition, messages}) =>
    messages
      .filter(({isControlRecord}) => !isControlRecord)
      .map(({offset, timestamp, key, value}) => ({
        partition,
        offset: BigInt(offset),
        timestampMs: timestamp,
        key,
        value,
      })),
  );
}
